"""Notes: words, files that are what they say, and colleagues named by @ who may see the customer."""

import pytest

from amiable.casework.models import Note, NoteFile, Notification
from amiable.casework.note import MOST_BYTES, MOST_FILES, File, UnableToAttach, mentioned, write
from amiable.core.models import Role, Scope, User
from amiable.ledger.keep import place_of
from tests.world import DAY, World, at

pytestmark = pytest.mark.django_db
NOW = at(DAY)
PDF = File("offer.pdf", b"%PDF-1.7 and so on")


def works(name: str, of: int, role: Role = Role.COLLECTOR, **more: object) -> User:
    user = User.objects.create(username=name)
    Scope.objects.create(user=user, role=role, creditor_ref=of, **more)
    return user


def test_whoever_is_named_and_may_see_the_customer_hears_of_it(world: World) -> None:
    sam, lea = works("sam", world.house.pk), works("lea.roy", world.house.pk)
    works("own", world.house.pk, Role.SALES, own_customers_only=True)
    works("nat", world.neighbour.pk)
    User.objects.create(username="alone")
    text = "@Lea.Roy, @own, @nat @alone and @sam: ask mail@sam.example; again @lea.roy."
    note = write(customer=world.boris, text=text, now=NOW, by=sam)
    assert note is not None
    line = Notification.objects.get()
    assert (line.user, line.kind, line.customer) == (lea, "mention", world.boris)
    assert mentioned(text=text, customer=world.boris, as_of=DAY) == [lea, sam]


def test_files_are_kept_by_their_digest_once(world: World) -> None:
    first = write(customer=world.boris, text="", now=NOW, files=[PDF])
    write(customer=world.boris, text="again", now=NOW, files=[File("other.pdf", PDF.content)])
    assert first is not None
    assert {row.sha256 for row in NoteFile.objects.all()} == {first.files.get().sha256}
    assert place_of(first.files.get().sha256).read_bytes() == PDF.content


@pytest.mark.parametrize(
    "file",
    [
        File("page.html", b"<script>"), File("a.exe", b"MZ"), File("picture.png", b"<svg>"), File("x.pdf", b""),
        File("words.txt", b"a\0b"), File("noending", b"%PDF-"), File("big.txt", b"x" * (MOST_BYTES + 1)),
    ],
    ids=lambda file: file.name,
)  # fmt: skip
def test_what_nobody_would_open_is_refused_and_nothing_is_kept(world: World, file: File) -> None:
    with pytest.raises(UnableToAttach):
        write(customer=world.boris, text="look", now=NOW, files=[PDF, file])
    assert not Note.objects.exists()


def test_too_many_files_and_no_words_at_all(world: World) -> None:
    with pytest.raises(UnableToAttach):
        write(customer=world.boris, text="look", now=NOW, files=[PDF] * (MOST_FILES + 1))
    assert write(customer=world.boris, text="  ", now=NOW) is None


def test_a_path_in_a_name_is_only_a_name(world: World) -> None:
    note = write(customer=world.boris, text="x", now=NOW, files=[File("../../etc/pass.pdf", PDF.content)])
    assert note is not None
    assert note.files.get().name == "pass.pdf"
