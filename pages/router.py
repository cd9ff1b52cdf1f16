"""Page set-up, sign-in and access, and the pages there are; runs for every session and every address."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

from auditlib.access.principal import Principal, may_read, may_read_ledger
from pages import arrival, recording, revealing
from pages.asking import asking_as_session
from pages.door import SIGN_OUT
from pages.sign_in import is_configured, known, visitor
from pages.ui import session, style, text
from pages.ui.badge import badge
from pages.ui.links import same_tab_link
from pages.ui.presence import presence

HERE = Path(__file__).resolve().parent


def _home() -> None:
    st.switch_page(audit)


def _denied() -> None:
    """What everyone is told who may not read: the same at every address, whether or not anything is there."""
    st.title(text.APP)
    if not is_configured():
        st.text(text.LOCAL_ONLY)
        return
    st.text(text.ADMINS_ONLY if person else text.SIGN_IN_ENDED if who.sign_in else text.SIGN_IN_NEEDED)
    with st.container(horizontal=True):
        if not person:
            asked = urlencode({name: st.query_params.get_all(name) for name in st.query_params}, doseq=True)
            for label, address in arrival.ways(f"/{page.url_path}?{asked}".removesuffix("?")):
                same_tab_link(label, address, primary=True)
        if who.sign_in:
            same_tab_link("Sign out", SIGN_OUT)


def _named(reader: Principal) -> None:
    """Whom the page takes the reader for, and the way out."""
    with st.sidebar, st.container(key="signed_in", horizontal=True, vertical_alignment="center"):
        st.caption(f"Signed in as {text.label(reader.name)}", width="stretch")
        same_tab_link("Sign out", SIGN_OUT)
        presence()


st.set_page_config(page_title=text.APP, page_icon=str(HERE / "ui" / "icon.png"), layout="wide", initial_sidebar_state=320)
style.apply()
audit = st.Page(HERE / "audit.py", title=text.APP, url_path="audit", icon=":material/subject:")
explore = st.Page(HERE / "explore.py", title="Explore", url_path="explore", icon=":material/terminal:")
integrity = st.Page(HERE / "integrity.py", title="Integrity", url_path="integrity", icon=":material/shield:")
ledger = st.Page(HERE / "ledger.py", title=text.LEDGER, url_path="ledger", icon=":material/history:")
who = visitor()
person = who()
if person and may_read(person):
    page = st.navigation(
        [audit, explore, integrity, ledger, st.Page(_home, title="Home", default=True, visibility="hidden")], position="hidden"
    )
    with st.sidebar, st.container(key="navigation", gap="xxsmall"):
        st.caption("Admin")
        for each in (audit, explore, integrity, *([ledger] if may_read_ledger(person) else [])):
            st.page_link(each)
    revealing.on_page(page.url_path)
    with known(who), asking_as_session():
        page.run()
    if not person.local:
        _named(person)
    log = session.chosen_log()
    badge(log and log.bound_to(who), integrity)
else:
    paths = ("", "audit", "explore", "integrity", "ledger")
    hidden = [st.Page(_denied, title=text.APP, url_path=path, default=path == "", visibility="hidden") for path in paths]
    page = st.navigation(hidden, position="hidden")
    session.enter(page.url_path)
    recording.recorder().refused()
    page.run()
