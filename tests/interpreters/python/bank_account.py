from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum


class Kind(Enum):
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"


class InsufficientFunds(Exception):
    def __init__(self, needed: Decimal):
        super().__init__(f"{needed} more needed")


@dataclass
class Entry:
    kind: Kind
    amount: Decimal
    when: date


@dataclass
class Account:
    owner: str
    entries: list[Entry] = field(default_factory=list)

    @property
    def balance(self) -> Decimal:
        return sum((e.amount if e.kind is Kind.DEPOSIT else -e.amount for e in self.entries), Decimal())

    def deposit(self, amount: str, when: date) -> Account:
        self.entries.append(Entry(Kind.DEPOSIT, Decimal(amount), when))
        return self

    def withdraw(self, amount: str, when: date) -> Account:
        if (short := Decimal(amount) - self.balance) > 0:
            raise InsufficientFunds(short)
        self.entries.append(Entry(Kind.WITHDRAWAL, Decimal(amount), when))
        return self


account = Account("Ada").deposit("100.10", date(2024, 1, 1)).withdraw("0.10", date(2024, 1, 2))
try:
    account.withdraw("500", date(2024, 1, 3))
except InsufficientFunds as e:
    problem = str(e)
result = [account, account.balance, problem]
