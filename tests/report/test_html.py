from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from synthmed.report.grid import contact_sheet, grey_levels
from synthmed.report.html import Drawing, Picture, Section, page, text
from synthmed.report.table import Table


def picture(rows: int, columns: int, level: int) -> np.ndarray:
    return np.full((rows, columns, 3), level, np.uint8)


def test_grey_levels_are_the_window() -> None:
    image = np.array([[[-2000.0, -1000.0, -300.0, 400.0, np.nan]]], np.float32)
    assert grey_levels(image, -1000, 400)[0, :, 0].tolist() == [0, 0, 128, 255, 0]
    assert grey_levels(np.zeros((3, 2, 5), np.float32), 0, 1).shape == (2, 5, 3)


def test_pictures_of_any_shape_fit_their_cells() -> None:
    png = contact_sheet([picture(10, 20, 50), picture(20, 10, 100), picture(3, 3, 200)], columns=2, cell=40)
    sheet = np.asarray(Image.open(io.BytesIO(png)))
    assert sheet.shape == (80, 80, 3)
    assert sheet[20, 20].tolist() == [50] * 3
    assert sheet[2, 20].tolist() == [0] * 3  # a wide picture leaves the cell's top and bottom black
    assert sheet[20, 60].tolist() == [100] * 3
    assert sheet[20, 42].tolist() == [0] * 3
    assert sheet[60, 20].tolist() == [200] * 3
    with pytest.raises(ValueError, match="needs a picture"):
        contact_sheet([])


def test_a_page_is_whole_in_itself_and_escapes_what_it_is_given() -> None:
    png = contact_sheet([picture(4, 4, 9)], cell=8)
    sections = [Section("A <b>", ["say & do", Table(["x"], [[1]]), Picture(png, "eight > one")])]
    html = page("T <script>alert(1)</script>", sections)
    assert "<script" not in html
    assert "A &lt;b&gt;" in html
    assert "say &amp; do" in html
    assert "http" not in html.replace("http-equiv", "")
    data = re.search(r'src="data:image/png;base64,([^"]+)"', html)
    assert data is not None
    assert base64.b64decode(data[1]) == png
    assert text("T", sections).splitlines() == ["T", "", "A <B>", "say & do", "x", "1", "eight > one"]


def test_a_drawing_is_an_image_so_that_nothing_in_it_runs() -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert("é")</script></svg>'
    sections = [Section("A", [Drawing(svg, 'a "b" <c>')])]
    html = page("T", sections)
    assert "<script" not in html
    data = re.search(r'<img src="data:image/svg\+xml;base64,([^"]+)" alt="a &quot;b&quot; &lt;c&gt;">', html)
    assert data is not None
    assert base64.b64decode(data[1]).decode() == svg
    assert text("T", sections).splitlines()[-1] == 'a "b" <c>'
