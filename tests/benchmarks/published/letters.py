"""Benchmarks that ask for a letter, for yes or no, or for a few words."""

import datasets

from tests.benchmarks.published import STRING, cell

INTEGER = datasets.Value("int64")
LIST = datasets.List(STRING)

FEATURES = {
    "mmvp": {
        "Index": INTEGER,
        "Question": STRING,
        "Options": STRING,
        "Correct Answer": STRING,
        "image": datasets.Image(),
    },
    "qbench": {
        "id": STRING,
        "image": datasets.Image(),
        "question": STRING,
        **{f"option{i}": STRING for i in range(4)},
        "question_type": INTEGER,
        "question_concern": INTEGER,
        "correct_choice": STRING,
    },
    "mme": {
        "question_id": STRING,
        "image": datasets.Image(),
        "question": STRING,
        "answer": STRING,
        "category": STRING,
    },
    "mmstar": {
        "index": INTEGER,
        "question": STRING,
        "image": datasets.Image(),
        "answer": STRING,
        "category": STRING,
        "l2_category": STRING,
        "meta_info": {"source": STRING, "split": STRING, "image_path": STRING},
    },
    "sqa": {
        "image": datasets.Image(),
        "question": STRING,
        "choices": LIST,
        "answer": datasets.Value("int8"),
        "hint": STRING,
        "task": STRING,
        "grade": STRING,
        "subject": STRING,
        "topic": STRING,
        "category": STRING,
        "skill": STRING,
        "lecture": STRING,
        "solution": STRING,
    },
    "chartqa": {"type": STRING, "question": STRING, "answer": STRING, "image": datasets.Image()},
    "ai2d": {"question": STRING, "options": LIST, "answer": STRING, "image": datasets.Image()},
}
SPLITS = {
    "mmvp": "train",
    "qbench": "dev",
    "mme": "test",
    "mmstar": "val",
    "sqa": "test",
    "chartqa": "test",
    "ai2d": "test",
}


def mmvp(count):
    """Pairs: rows 2i-1 and 2i."""
    return [
        {
            "Index": i + 1,
            "Question": "Is the door open?",
            "Options": "(a) Open (b) Closed",
            "Correct Answer": ("(a)", "(b)")[i % 2],
            "image": cell(i),
        }
        for i in range(count)
    ]


def qbench(count):
    """Two to four options; what is missing is "N/A"."""
    texts = ("Sharp", "Blurry", "Noisy", "Dark")
    return [
        {
            "id": f"dev_{i}",
            "image": cell(i),
            "question": "What is wrong with this image?",
            **{f"option{k}": text if k < 2 + i % 3 else "N/A" for k, text in enumerate(texts)},
            "question_type": i % 3,
            "question_concern": i % 4,
            "correct_choice": "ABCD"[i % (2 + i % 3)],
        }
        for i in range(count)
    ]


def mme(count):
    """Two questions about each image, two subtasks."""
    return [
        {
            "question_id": f"{('count', 'OCR')[i // 2 % 2]}/{i // 2:04d}.jpg",
            "image": cell(i // 2),
            "question": "Is there a dog? Please answer yes or no.",
            "answer": ("Yes", "No")[i % 2],
            "category": ("count", "OCR")[i // 2 % 2],
        }
        for i in range(count)
    ]


def mmstar(count):
    """Two questions about each image, four options in the question."""
    return [
        {
            "index": i,
            "question": "Which one?\nOptions: A: red, B: blue, C: a cat, D: 4",
            "image": cell(i // 2),
            "answer": "ABCD"[i % 4],
            "category": ("math", "instance reasoning")[i % 2],
            "l2_category": ("geometry", "object relation", "statistics")[i % 3],
            "meta_info": {"source": "ours", "split": "val", "image_path": "x.png"},
        }
        for i in range(count)
    ]


def sqa(count):
    """Two to five choices, every other question with a hint."""
    choices = ("Ohio", "Iowa", "Utah", "Maine", "Texas")
    return [
        {
            "image": cell(i),
            "question": "Which state is this?",
            "choices": list(choices[: 2 + i % 4]),
            "answer": i % (2 + i % 4),
            "hint": ("", "The state lies in the west.")[i % 2],
            "task": "closed choice",
            "grade": "grade4",
            "subject": ("social science", "natural science", "language science")[i % 3],
            "topic": "geography",
            "category": "Maps",
            "skill": "Read a map",
            "lecture": "",
            "solution": "",
        }
        for i in range(count)
    ]


def chartqa(count):
    """A question by hand and one by machine about each chart."""
    return [
        {
            "type": ("human_test", "augmented_test")[i % 2],
            "question": "How many?",
            "answer": str(i),
            "image": cell(i // 2),
        }
        for i in range(count)
    ]


def ai2d(count):
    """Two questions about each diagram, four options."""
    return [
        {
            "question": "Which letter is the root?",
            "options": ["a stem", "b root", "c leaf", "d flower"],
            "answer": str(i % 4),
            "image": cell(i // 2),
        }
        for i in range(count)
    ]


ROWS = {
    "mmvp": mmvp,
    "qbench": qbench,
    "mme": mme,
    "mmstar": mmstar,
    "sqa": sqa,
    "chartqa": chartqa,
    "ai2d": ai2d,
}
