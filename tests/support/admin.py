"""A person at the Django admin: real pages, real forms, a session cookie and its CSRF token."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

SECONDS = 30


class AdminSession:
    """One browser session without a browser: it fills in the forms that the server sends."""

    def __init__(self, http_url: str) -> None:
        self.http_url = http_url
        self.cookies = CookieJar()
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(self.cookies))

    def log_in(self, username: str, password: str) -> Self:
        """Log in through the admin's own page; asserts that it worked."""
        path = "/admin/login/?next=/admin/"
        page = self.submit(path, "login-form", username=username, password=password)
        assert 'id="user-tools"' in page, f"{username} could not log in: {errors_of(page)}"
        return self

    def edit(self, path: str, **fields: Any) -> str:
        """Change these fields in the form of a record and save; returns the page that follows."""
        page = self.submit(f"/admin/{path}/change/", form_id(path), **fields)
        assert 'class="success"' in page, f"{path} was not saved: {errors_of(page)}"
        return page

    def submit(self, path: str, form: str, **fields: Any) -> str:
        """Get a page, fill in its form beside what it holds already, and post it."""
        values = form_values(self.get(path), form)
        return self._open(path, urlencode(values | fields).encode())

    def get(self, path: str) -> str:
        """Return a page as text."""
        return self._open(path, None)

    @property
    def cookie_header(self) -> str:
        """What a browser would send with the WebSocket handshake."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)

    def _open(self, path: str, body: bytes | None) -> str:
        request = Request(self.http_url + path, data=body, headers={"Referer": self.http_url})
        try:
            with self._opener.open(request, timeout=SECONDS) as response:
                return response.read().decode()
        except HTTPError as error:
            raise AssertionError(f"{path} answered {error.code}: {error.read().decode()}") from None


def form_id(path: str) -> str:
    """Return the id that the admin gives the form of a record: `app/model/pk` has `model_form`."""
    return f"{path.split('/')[-2]}_form"


def errors_of(page: str) -> list[str]:
    """Return what the admin says is wrong with a form."""
    lists = re.findall(
        r'<(?:ul|p) class="error(?:list|note)[^>]*>(.*?)</(?:ul|p)>', page, re.DOTALL
    )
    return [re.sub(r"<[^>]+>|\s+", " ", text).strip() for text in lists]


def form_values(page: str, form: str) -> dict[str, str]:
    """Return what the form of a page would send if nobody touched it."""
    reader = _FormReader(form)
    reader.feed(page)
    assert reader.found, f"there is no form {form!r} in:\n{page}"
    return reader.values


class _FormReader(HTMLParser):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.found = False
        self._form = form
        self._inside = False
        self._select = self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("id") == self._form:
            self.found = self._inside = True
        elif self._inside and tag == "input":
            self._take_input(given)
        elif self._inside and tag == "textarea":
            self._textarea = given["name"]
            self.values[self._textarea] = ""
        elif self._inside and tag == "select":
            self._select = given.get("name", "")
        elif self._inside and tag == "option" and "selected" in given and self._select:
            self.values[self._select] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea":
            self._textarea = ""
        elif tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            # HTML drops one newline right after the tag.
            self.values[self._textarea] += data.removeprefix("\n")

    def _take_input(self, given: dict[str, str]) -> None:
        kind = given.get("type", "text")
        if kind in {"submit", "button", "file", "image"} or not given.get("name"):
            return
        if kind in {"checkbox", "radio"} and "checked" not in given:
            return
        self.values[given["name"]] = given.get("value", "on" if kind == "checkbox" else "")
