"""Views: what is asked of the log, as a value that links, chips, sentences and queries come from."""

from auditlib.view.filters import FILTERS, Filter
from auditlib.view.parse import PARAMETERS
from auditlib.view.problems import Problem
from auditlib.view.view import DEFAULT_ROWS, ORDERS, PAGE_SIZES, Chip, Clause, View

__all__ = ["DEFAULT_ROWS", "FILTERS", "ORDERS", "PAGE_SIZES", "PARAMETERS", "Chip", "Clause", "Filter", "Problem", "View"]
