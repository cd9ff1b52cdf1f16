"""Northwind Talent: its team, its offices and the campaigns for which it hires."""

from __future__ import annotations

from collections import deque
from typing import Final

from auditlib.demo.calendar import OFFICES, Office
from auditlib.demo.chance import Chance
from auditlib.demo.people import Person, colleague

_SMALLEST_TEAM: Final = 40
_LARGEST_TEAM: Final = 400
_EVENTS_PER_COLLEAGUE: Final = 2_500

_JOBS: Final = (
    "Backend Engineer", "Data Analyst", "Site Reliability Engineer", "Product Designer", "Nurse Coordinator", "Account Manager",
    "Warehouse Lead", "Machine Learning Engineer", "Customer Success Partner", "Ingénieur sécurité", "Vertriebsleiter", "経理担当",
)  # fmt: skip
STAGES: Final = ("phone_interview", "technical_interview", "final_interview")
STAGE_LABELS: Final = {
    "phone_interview": "Phone interview",
    "technical_interview": "Technical interview",
    "final_interview": "Final interview",
}


class Campaign:
    """One opening: id, title, who manages it, who interviews for it, and its state."""

    __slots__ = ("facts", "id", "interviewers", "manager", "seats", "status", "title")

    def __init__(self, ident: str, title: str, manager: Person, interviewers: list[Person], seats: int) -> None:
        self.id, self.title, self.manager, self.interviewers, self.seats = ident, title, manager, interviewers, seats
        self.status = "draft"
        city = home(manager).city
        self.facts = f'"campaign":{{"id":"{ident}","title":"{title}","workflow":"standard-3","opened_with":{seats},"location":"{city}"}}'


class Organisation:
    """Everyone who works there, by role, and what is open just now."""

    def __init__(self, chance: Chance, events: int) -> None:
        size = min(_LARGEST_TEAM, _SMALLEST_TEAM + events // _EVENTS_PER_COLLEAGUE)
        managers = max(6, size // 8)
        members = size // 3
        plan = {"owner": 2, "admin": 4, "campaign_manager": managers, "member": members}
        plan["interviewer"] = size - sum(plan.values())
        self.by_role = {role: [colleague(chance, chance.pick(OFFICES), role) for _ in range(count)] for role, count in plan.items()}
        namesake, other = self.by_role["interviewer"][:2]
        other.become(namesake.name, other.email, other.role)
        self.team = [person for people in self.by_role.values() for person in people]
        self.campaigns: list[Campaign] = []
        self.recent_candidates: deque[Person] = deque(maxlen=300)
        self._chance = chance

    def new_campaign(self) -> Campaign:
        """A campaign that is about to be drafted, with its manager and its circle of interviewers."""
        chance = self._chance
        manager = chance.pick(self.by_role["campaign_manager"])
        pool = self.by_role["interviewer"] if chance.often(0.7) else self.by_role["member"]
        first = chance.between(0, len(pool))
        circle = [pool[(first + step) % len(pool)] for step in range(min(6, len(pool)))]
        title = f"{chance.pick(_JOBS)}, {home(manager).city}"
        return Campaign(chance.short_id("CP"), title, manager, circle, chance.between(1, 6))

    def someone(self, at: int) -> Person:
        """A team member, most likely one whose office is open at that instant."""
        chance = self._chance
        for _ in range(8):
            person = chance.pick(self.team)
            if home(person).is_open(at):
                return person
        return chance.pick(self.team)

    def leader(self) -> Person:
        """An owner or admin."""
        return self._chance.pick(self.by_role["admin" if self._chance.often(0.75) else "owner"])


def home(person: Person) -> Office:
    """The office of a person; candidates have none and count as Berlin."""
    return person.office or OFFICES[0]
