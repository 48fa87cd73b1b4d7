"""What the controller adds to result files: safe with damaged ones, and what Allure accepts."""

from __future__ import annotations

import json

from ipllvm_spec.reporting import allure, allure_results


def test_a_damaged_result_is_left_alone(tmp_path, make_record):
    """A cut file or a record of another version costs its picture, not the run."""
    (tmp_path / "a-result.json").write_text('{"attachments": [')
    old = {**make_record().to_json(), "schema": 0}
    (tmp_path / "b-attachment.json").write_text(json.dumps(old))
    result = {"attachments": [{"name": allure.VERDICT_NAME, "source": "b-attachment.json"}]}
    (tmp_path / "b-result.json").write_text(json.dumps(result))

    assert allure_results.attach_figures(tmp_path) == 0
    assert json.loads((tmp_path / "b-result.json").read_text()) == result


def test_no_results_folder_is_no_error(tmp_path):
    """A run that ended before allure made its folder finishes nothing."""
    assert allure_results.finish_results(tmp_path / "none", environment={}) == 0
    assert list(tmp_path.iterdir()) == []


def test_model_ids_become_environments_that_allure_accepts(tmp_path):
    """Allure refuses an environment id with a dot or a slash; the name keeps them."""
    path = tmp_path / "allurerc.mjs"

    allure_results.write_config(path, results="r", models=["llava-1.5-7b", "./runs/a.b"])
    text = path.read_text("utf-8")

    assert '"llava-1-5-7b": { name: "llava-1.5-7b"' in text
    assert '"runs-a-b": { name: "./runs/a.b"' in text
    assert "@" not in text


def test_telemetry_is_removed_from_a_report(tmp_path):
    """Allure writes a Google Analytics tag into its pages; the rest of the page stays."""
    page = tmp_path / "index.html"
    page.write_text(
        "<body><script>keep()</script>\n"
        '<script async src="https://www.googletagmanager.com/gtag/js?id=G-X"></script>\n'
        "<script>\n  function gtag(){dataLayer.push(arguments);}\n</script>\n"
        "<script>alsoKeep()</script></body>"
    )

    assert allure_results.strip_telemetry(tmp_path) == 1
    assert allure_results.strip_telemetry(page) == 0
    text = page.read_text()
    assert "googletagmanager" not in text
    assert "gtag" not in text
    assert "keep()" in text
    assert "alsoKeep()" in text
