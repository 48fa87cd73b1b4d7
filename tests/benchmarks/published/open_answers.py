"""Benchmarks with open answers: numbers, lists, sentences."""

import datasets

from tests.benchmarks.published import STRING, cell

INTEGER = datasets.Value("int64")
LIST = datasets.List(STRING)

FEATURES = {
    "mmvet": {
        "question_id": STRING,
        "image": datasets.Image(),
        "question": STRING,
        "answer": STRING,
        "image_source": STRING,
        "capability": STRING,
    },
    "llava_w": {
        "question_id": INTEGER,
        "question": STRING,
        "image": datasets.Image(),
        "image_id": STRING,
        "category": STRING,
        "caption": STRING,
        "gpt_answer": STRING,
    },
    "mathvista": {
        "pid": STRING,
        "question": STRING,
        "image": STRING,
        "decoded_image": datasets.Image(),
        "choices": LIST,
        "unit": STRING,
        "precision": datasets.Value("float64"),
        "answer": STRING,
        "question_type": STRING,
        "answer_type": STRING,
        "metadata": {
            "category": STRING,
            "context": STRING,
            "grade": STRING,
            "img_height": INTEGER,
            "img_width": INTEGER,
            "language": STRING,
            "skills": LIST,
            "source": STRING,
            "split": STRING,
            "task": STRING,
        },
        "query": STRING,
    },
    "gsm8k": {"question": STRING, "answer": STRING},
}
SPLITS = {"mmvet": "test", "llava_w": "train", "mathvista": "testmini", "gsm8k": "test"}

#: Ground truth and capabilities of MM-Vet.
_GRADED = (
    ("red <AND> circle", "rec,spat"),
    ("14 <OR> fourteen", "ocr,math"),
    ("A cat sleeps on the roof.", "rec,gen,know"),
    ("x = -1 <AND> x = 5.50", "ocr, math"),
)
_REFERENCES = (
    ("conv", "The lamp is green."),
    ("detail", "A tall tower stands above a lake with two boats."),
    ("complex", "You may cross, because the lamp shows green light."),
)
#: question_type, answer_type, precision, choices and answer of MathVista.
_MATH = (
    ("multi_choice", "text", None, ["3/11", "8/11", "6/11"], "8/11"),
    ("free_form", "integer", None, None, "14"),
    ("free_form", "float", 1.0, None, "0.6"),
    ("free_form", "list", None, None, "[2007, 2008]"),
    ("multi_choice", "text", None, ["Yes", "No"], "No"),
    ("free_form", "float", 2.0, None, "1.45"),
)
_HINTS = {
    "text": "Please answer the question and provide the correct option letter.",
    "integer": "Please answer the question requiring an integer answer.",
    "float": "Please answer the question requiring a floating-point number.",
    "list": "Please answer the question requiring a Python list as an answer.",
}


def mmvet(count):
    """Open questions; two in a row share an image."""
    return [
        {
            "question_id": f"v1_{i}",
            "image": cell(i // 2),
            "question": "What do you see?",
            "answer": _GRADED[i % 4][0],
            "image_source": "ours",
            "capability": _GRADED[i % 4][1],
        }
        for i in range(count)
    ]


def llava_w(count):
    """Open questions with reference answers; three in a row share an image."""
    return [
        {
            "question_id": i,
            "question": "What do you see?",
            "image": cell(i // 3),
            "image_id": f"{i // 3:03d}.jpg",
            "category": _REFERENCES[i % 3][0],
            "caption": "A green lamp above a road.",
            "gpt_answer": _REFERENCES[i % 3][1],
        }
        for i in range(count)
    ]


def mathvista(count):
    """Two questions with choices and four without in six."""
    return [_mathvista(i, _MATH[i % 6]) for i in range(count)]


def _mathvista(i, solved):
    question_type, answer_type, precision, choices, answer = solved
    listed = "\nChoices:" if choices else ""
    for letter, choice in zip("ABCD", choices or (), strict=False):
        listed += f"\n({letter}) {choice}"
    return {
        "pid": str(i + 1),
        "question": "What is it?",
        "image": f"images/{i + 1}.jpg",
        "decoded_image": cell(i),
        "choices": choices,
        "unit": None,
        "precision": precision,
        "answer": answer,
        "question_type": question_type,
        "answer_type": answer_type,
        "metadata": {
            "category": "math-targeted-vqa",
            "context": "table",
            "grade": "high school",
            "img_height": 8,
            "img_width": 12,
            "language": "english",
            "skills": ["arithmetic reasoning", "statistical reasoning"][: 1 + i % 2],
            "source": "ours",
            "split": "testmini",
            "task": ("figure question answering", "math word problem")[i % 2],
        },
        "query": f"Hint: {_HINTS[answer_type]}\nQuestion: What is it?{listed}",
    }


def gsm8k(count):
    """Word problems with their working."""
    return [
        {
            "question": f"Ann has {i + 1} pens and buys 1200. How many pens does she have?",
            "answer": f"She has {i + 1} + 1200 = <<{i + 1}+1200={i + 1201}>>{i + 1201}.\n"
            f"#### {i + 1201:,}",
        }
        for i in range(count)
    ]


ROWS = {"mmvet": mmvet, "llava_w": llava_w, "mathvista": mathvista, "gsm8k": gsm8k}

_BASE = {
    "pid": "7",
    "choices": None,
    "unit": None,
    "precision": None,
    "question_type": "free_form",
    "metadata": {"task": "math word problem", "skills": ["arithmetic reasoning"]},
    "query": "Hint: Please answer.\nQuestion: What?",
}
#: Rows of MathVista without an image, one of each form of answer.
SOLVED = {
    "choice": _BASE
    | {
        "question_type": "multi_choice",
        "answer_type": "text",
        "choices": ["3/11", "8/11", "a red line"],
        "answer": "8/11",
    },
    "integer": _BASE | {"answer_type": "integer", "answer": "14"},
    "float": _BASE | {"answer_type": "float", "answer": "0.9", "precision": 1.0},
    "cents": _BASE | {"answer_type": "float", "answer": "1.45", "precision": 2.0, "unit": "$"},
    "list": _BASE | {"answer_type": "list", "answer": "[2007, 2008]"},
}
