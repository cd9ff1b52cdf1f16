"""Page set-up, sign-in and access, and the pages there are; runs for every session and every address."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from auditlib.access.principal import may_read
from pages.asking import asking_as_session
from pages.sign_in import current_principal, is_configured
from pages.ui import session, style, text
from pages.ui.badge import badge

HERE = Path(__file__).resolve().parent


def _home() -> None:
    st.switch_page(audit)


def _denied() -> None:
    st.title(text.APP)
    if is_configured() and not st.user.is_logged_in:
        st.text(text.SIGN_IN_NEEDED)
        st.button("Sign in", type="primary", on_click=st.login)
    else:
        st.text(text.ADMINS_ONLY if is_configured() else text.LOCAL_ONLY)
        if is_configured():
            st.button("Sign out", on_click=st.logout)


st.set_page_config(page_title=text.APP, page_icon=str(HERE / "ui" / "icon.png"), layout="wide", initial_sidebar_state=320)
style.apply()
audit = st.Page(HERE / "audit.py", title=text.APP, url_path="audit", icon=":material/subject:")
explore = st.Page(HERE / "explore.py", title="Explore", url_path="explore", icon=":material/terminal:")
integrity = st.Page(HERE / "integrity.py", title="Integrity", url_path="integrity", icon=":material/shield:")
if may_read(current_principal()):
    page = st.navigation([audit, explore, integrity, st.Page(_home, title="Home", default=True, visibility="hidden")], position="hidden")
    with st.sidebar, st.container(key="navigation", gap="xxsmall"):
        st.caption("Admin")
        st.page_link(audit)
        st.page_link(explore)
        st.page_link(integrity)
    with asking_as_session():
        page.run()
    badge(session.chosen_log(), integrity)
else:
    paths = ("", "audit", "explore", "integrity")
    hidden = [st.Page(_denied, title=text.APP, url_path=path, default=path == "", visibility="hidden") for path in paths]
    st.navigation(hidden, position="hidden").run()
