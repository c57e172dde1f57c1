"""How fast messages may leave over one account: its next turn stands in a row that all workers share.

In: an account and its messages a second. Out: how many may leave now, or how long to wait.
Never: a lock held while anyone waits; a turn is booked in one statement, before anything is claimed.
"""

from django.db import connection

SLICE = 0.1  # seconds that are booked at once: short, so that nobody is served long before the others

# The clock is the database's, the one that all workers share.
_BOOK = """
INSERT INTO outreach_pace AS p (account, free_at) VALUES (%(account)s, clock_timestamp() + %(took)s * interval '1 second')
ON CONFLICT (account) DO UPDATE SET free_at = clock_timestamp() + %(took)s * interval '1 second'
WHERE p.free_at <= clock_timestamp() RETURNING 1
"""


def book(account: str, *, per_second: float, most: int) -> int:
    """How many messages may leave over this account now; 0 when its turn has not come."""
    count = min(max(1, int(per_second * SLICE)), most)
    with connection.cursor() as cursor:
        cursor.execute(_BOOK, {"account": account, "took": count / per_second})
        return count if cursor.fetchone() else 0


def give_back(account: str, *, per_second: float, count: int) -> None:
    """So many of the messages that were booked did not leave."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outreach_pace SET free_at = free_at - %s * interval '1 second' WHERE account = %s",
            [count / per_second, account],
        )


def seconds_until_free(account: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM free_at - clock_timestamp()) FROM outreach_pace WHERE account = %s", [account]
        )
        row = cursor.fetchone()
        return max(float(row[0]), 0.0) if row else 0.0
