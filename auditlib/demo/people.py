"""People of the demo: names of many scripts and cultures, their addresses and their devices."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from json import dumps
from typing import Final

from auditlib.demo.calendar import Office
from auditlib.demo.chance import Chance


@dataclass(frozen=True, slots=True)
class Culture:
    """Names people bear somewhere; a name in another script carries its Latin spelling behind `|`."""

    country: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    family_first: bool = False

    def name(self, chance: Chance) -> tuple[str, str]:
        """A full name as written there, and the Latin form of it that stands in an address."""
        given, _, latin_given = chance.pick(self.given).partition("|")
        family, _, latin_family = chance.pick(self.family).partition("|")
        separator = "" if self.family_first and latin_given else " "
        full = f"{family}{separator}{given}" if self.family_first else f"{given} {family}"
        return full.replace("_", " "), f"{latin_given or _latin(given)}.{latin_family or _latin(family)}"


def _culture(country: str, given: str, family: str, family_first: bool = False) -> Culture:
    return Culture(country, tuple(given.split()), tuple(family.split()), family_first)


CULTURES: Final = (
    _culture("DE", "Jürgen Anna Lukas Jörg Sophie Björn Käthe Lena Greta", "Müller Schmidt Weiß Schäfer Köhler Groß Vogel Böhm Krüger"),
    _culture("FR", "Élodie Zoé François Léa Jérôme Chloé Hélène Noémie", "Lefèvre Martin Dubois Béranger D'Aubigné Garçon Côté Rivière"),
    _culture("PT", "João Inês Tiago Conceição Luísa Gonçalo Beatriz Rui", "Gonçalves Araújo Simões Falcão Magalhães Silva Conceição"),
    _culture("BR", "Thaís Caio Antônia Otávio Marília Rafael Júlia Wesley", "Silva Brandão Assunção Ribeiro Peçanha Souza Lourenço"),
    _culture("ES", "Íñigo María Begoña José Nuria Andrés Sofía Ximena", "Núñez García Ibáñez Peña Muñoz Zúñiga Ordóñez"),
    _culture("PL", "Łukasz Małgorzata Świętosława Paweł Żaneta Michał Zofia", "Wójcik Błaszczyk Żółkowski Dąbrowska Kaźmierczak Nowak"),
    _culture("CZ", "Jiří Šárka Ondřej Žofie Věra Tomáš", "Dvořák Říha Černý Šimková Novotná"),
    _culture("TR", "İpek Işıl Çağrı İbrahim Şule Ilgın Yiğit Gökçe", "Yılmaz Işık İnce Çelik Kılıç Öztürk Iğdır Şahin"),
    _culture("SE", "Åsa Björn Örjan Maja Sören Linnéa", "Öberg Åkesson Lindström Sjögren Nyström"),
    _culture("VN", "Thị_Hương|huong Minh|minh Đức|duc Ngọc_Ánh|anh", "Nguyễn|nguyen Trần|tran Phạm|pham Đặng|dang"),
    _culture("GR", "Νίκος|nikos Ελένη|eleni Σοφία|sofia Γιώργος|giorgos Αλέξανδρος|alexandros",
             "Παπαδόπουλος|papadopoulos Σταύρου|stavrou Οικονόμου|oikonomou Χατζής|chatzis"),
    _culture("UA", "Олена|olena Іван|ivan Наталія|nataliia Тарас|taras Юлія|yuliia",
             "Шевченко|shevchenko Коваль|koval Їжакевич|yizhakevych Бойко|boiko"),
    _culture("BG", "Георги|georgi Мария|maria Стоян|stoyan", "Иванов|ivanov Петрова|petrova Димитров|dimitrov"),
    _culture("EG", "ليلى|layla يوسف|yousef مريم|mariam أحمد|ahmed", "حسن|hassan منصور|mansour السيد|elsayed خليل|khalil"),
    _culture("IL", "נועה|noa אורי|uri תמר|tamar יונתן|yonatan", "כהן|cohen לוי|levi מזרחי|mizrahi פרץ|peretz"),
    _culture("CN", "伟|wei 芳|fang 秀英|xiuying 俊杰|junjie 雨桐|yutong", "王|wang 李|li 张|zhang 欧阳|ouyang 陈|chen", True),
    _culture("JP", "さくら|sakura 健太|kenta 陽菜|hina 大輔|daisuke 結衣|yui", "佐藤|sato 鈴木|suzuki 髙橋|takahashi 渡邊|watanabe", True),
    _culture("KR", "민준|minjun 서연|seoyeon 지훈|jihun 하은|haeun", "김|kim 이|lee 박|park 최|choi", True),
    _culture("IN", "प्रिया|priya Arjun அனிதா|anitha Rohan Kavya Ishaan Meera", "Sharma Iyer शर्मा|sharma Krishnamurthy Patel Banerjee"),
    _culture("NG", "Chiamaka Ọlá|ola Emeka Ngozi Táíwò", "Okonkwo Adébáyò Nwosu Eze"),
    _culture("US", "Mary-Jane Noah Shaniqua Liam Ava Mateo Grace DeShawn", "O'Neil Johnson Smith-Lee Nguyen Washington Reyes"),
)  # fmt: skip

AGENTS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
)


class Person:
    """Someone who acts or is interviewed; `facts` is the JSON object that describes them in metadata."""

    __slots__ = ("agent", "email", "facts", "home", "id", "ip", "name", "office", "role")

    def __init__(self, ident: str, name: str, email: str, role: str) -> None:
        self.id, self.office, self.home, self.ip, self.agent = ident, None, "", None, None
        self.become(name, email, role)

    id: str
    name: str
    email: str
    role: str
    office: Office | None
    home: str
    ip: str | None
    agent: str | None
    facts: str

    def become(self, name: str, email: str, role: str) -> None:
        """Take that name, address and role from now on; events written before keep the old ones."""
        self.name, self.email, self.role = name, email, role
        self.facts = f'{{"id":"{self.id}","name":{quoted(name)},"email":{quoted(email)},"role":"{role}"}}'


def candidate(chance: Chance) -> Person:
    """A new candidate of some country, at home on some device."""
    culture = chance.pick(CULTURES)
    name, latin = culture.name(chance)
    person = Person(chance.uuid(), name, f"{latin}{chance.between(1, 100)}@example.test", "candidate")
    person.home = culture.country
    person.ip = _home_ip(chance)
    person.agent = chance.pick(AGENTS)
    return person


def colleague(chance: Chance, office: Office, role: str) -> Person:
    """A new team member of that role in that office."""
    culture = chance.pick(CULTURES)
    name, latin = culture.name(chance)
    person = Person(chance.short_id("TM"), name, f"{latin}@northwind.example.test", role)
    settle(person, office, chance)
    return person


def settle(person: Person, office: Office, chance: Chance) -> None:
    """Give a person a desk: office, address in its network, browser."""
    person.office, person.home = office, office.country
    person.ip = f"{office.network}{chance.between(10, 250)}" if chance.often(0.85) else f"2001:db8:{chance.bits(16):x}::{chance.bits(12):x}"
    person.agent = chance.pick(AGENTS[:4])


def quoted(text: str) -> str:
    """The JSON string of a text."""
    return dumps(text, ensure_ascii=False)


def _home_ip(chance: Chance) -> str:
    kind = chance.random()
    if kind < 0.25:
        return f"2001:db8:{chance.bits(16):x}:{chance.bits(16):x}::{chance.bits(16):x}"
    return f"{chance.pick(('192.0.2.', '198.51.100.', '203.0.113.'))}{chance.between(1, 255)}"


def _latin(name: str) -> str:
    spelled = name.lower().replace("ł", "l").replace("ß", "ss").replace("ı", "i").replace("đ", "d").replace("ø", "o")
    return "".join(letter for letter in unicodedata.normalize("NFKD", spelled) if letter.isascii() and letter.isalnum())
