"""Transactions in the console: found by state, decided with a confirmation, and written down."""

from accounts.models import AuditEntry
from brokers.catalog import producers, snapshot
from brokers.domain.messages import Outgoing, new_message_id
from brokers.engine import transactions
from brokers.engine.transactions import Decision, Half, Prepared
from tests.integration.console.shop import Shop, browser_of
from tests.integration.crash import ledger


def half(shop: Shop, body: str = "half") -> Prepared:
    actor = shop.people.owner.actor
    topic = snapshot.topic(actor.account_id, "shop", "orders")
    group = producers.ensure(actor.account_id, "shop", "till")
    message = Outgoing(body=body.encode(), message_id=new_message_id())
    (result,) = transactions.prepare([Half(topic, message, group, is_typed=False)])
    assert isinstance(result, Prepared)
    return result


def page(shop: Shop, path: str) -> str:
    answer = browser_of(shop.people.owner).get(f"{shop.home}/{path}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_each_state_has_its_address(shop: Shop) -> None:
    waiting, discarded, committed = (half(shop) for _ in range(3))
    ledger.change("UPDATE half SET state = 'DISCARDED' WHERE id = %s", discarded.id.half_id)
    transactions.decide([Decision(id=committed.id, is_commit=True, by="till")])
    for path, shown in (("", waiting), ("/discarded", discarded), ("/decided", committed)):
        text = page(shop, f"transactions{path}")
        assert [one for one in (waiting, discarded, committed) if one.message_id in text] == [shown]
    assert waiting.message_id in page(shop, f"transactions?topic=orders&group=till&message={waiting.message_id}")
    assert waiting.message_id not in page(shop, "transactions?group=nobody")
    assert "till" in page(shop, "producer-groups")


def test_a_person_commits_and_it_is_audited(shop: Shop) -> None:
    one = half(shop, "to be seen")
    assert "to be seen" in page(shop, f"transactions/{one.id}")
    browser = browser_of(shop.people.owner)
    answer = browser.post(f"{shop.home}/transactions/{one.id}/commit", follow=True)
    assert "Committed: the message is visible." in answer.content.decode()
    again = browser.post(f"{shop.home}/transactions/{one.id}/commit", follow=True)
    assert "This was decided before." in again.content.decode()
    contrary = browser.post(f"{shop.home}/transactions/{one.id}/rollback", follow=True)
    assert "that is final" in contrary.content.decode()
    (event,) = AuditEntry.objects.filter(action="mq:CommitTransaction")
    assert event.detail["transaction"] == str(one.id)


def test_what_is_discarded_while_one_reads_is_not_decided_unseen(shop: Shop) -> None:
    one = half(shop)
    ledger.change("UPDATE half SET state = 'DISCARDED'")
    browser = browser_of(shop.people.owner)
    stale = browser.post(f"{shop.home}/transactions/{one.id}/rollback", follow=True)
    assert "was discarded" in stale.content.decode()
    seen = browser.post(f"{shop.home}/transactions/{one.id}/rollback", {"discarded": "1"}, follow=True)
    assert "Rolled back: nobody will see the message." in seen.content.decode()
    (event,) = AuditEntry.objects.filter(action="mq:RollbackTransaction")
    assert event.detail["recovered"] is True


def test_a_check_is_asked_for(shop: Shop) -> None:
    one = half(shop)
    answer = browser_of(shop.people.owner).post(f"{shop.home}/transactions/{one.id}/check", follow=True)
    assert "The producer group is being asked." in answer.content.decode()
    assert ledger.rows("SELECT is_check_wanted FROM half") == [(True,)]
    assert AuditEntry.objects.filter(action="mq:CheckTransaction").count() == 1


def test_producer_group_is_set_up_and_its_secret_shown_once(shop: Shop) -> None:
    half(shop)
    browser, address = browser_of(shop.people.owner), f"{shop.home}/producer-groups/till"
    form = {"immunity_seconds": "9", "interval_seconds": "", "max_checks": "3", "webhook_url": "https://till.example/"}
    first = browser.post(address, form).content.decode()
    assert "shown this once" in first
    second = browser.post(address, form, follow=True).content.decode()
    assert "shown this once" not in second and 'value="9"' in second
    refused = browser.post(address, {**form, "webhook_url": "http://till.example/"}).content.decode()
    assert "webhook_url is an address like https" in refused
    kept = browser.post(f"{address}/delete", follow=True).content.decode()
    assert "still has 1 half messages that wait" in kept


def test_a_topic_with_waiting_half_messages_is_not_deleted_by_accident(shop: Shop) -> None:
    half(shop)
    assert "Wait for a decision" in page(shop, "topics/orders")
    answer = browser_of(shop.people.owner).post(f"{shop.home}/topics/orders/delete", {"confirm": "orders"}, follow=True)
    assert "their next attempt or a decision" in answer.content.decode()
