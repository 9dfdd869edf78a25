"""The ladder: what follows what, and why."""

from __future__ import annotations

import pytest

from contract.catalog import Effect
from expunge.jobs.catalog import catalog
from expunge.jobs.planner import LADDERS, Past, Step, ladder_for, next_step
from expunge.jobs.states import AttemptState

REFUTED, ERRORED, CANCELLED = (
    AttemptState.REFUTED,
    AttemptState.ERRORED,
    AttemptState.CANCELLED,
)


def refuted(method: str, finding: str = "relearning", round_number: int = 0) -> Past:
    return Past(method, REFUTED, finding=finding, round=round_number)


def unsettled(method: str, finding: str = "residual", round_number: int = 0) -> Past:
    return Past(method, REFUTED, finding=finding, round=round_number, verdict="inconclusive")


def errored(method: str, code: str, round_number: int = 0) -> Past:
    return Past(method, ERRORED, code=code, round=round_number)


def after(*past: Past, layout: str = "whole", round_number: int = 0) -> Step:
    return next_step(layout=layout, profile="erasure", past=past, round_number=round_number)


def method_after(*past: Past, layout: str = "whole", round_number: int = 0) -> str | None:
    step = after(*past, layout=layout, round_number=round_number)
    return step.rung.method if step.rung else None


def test_a_whole_model_climbs_from_removal_to_retraining() -> None:
    methods = [rung.method for rung in ladder_for("whole", "erasure")]
    assert methods == ["npo", "renew", "retrain"]


def test_a_sharded_model_begins_with_the_exact_route() -> None:
    methods = [rung.method for rung in ladder_for("sharded", "erasure")]
    assert methods == ["drop_shard", "retrain"]


def test_who_asks_for_exactness_gets_exact_rungs_only() -> None:
    assert [rung.method for rung in ladder_for("whole", "exact")] == ["retrain"]


def test_exact_rungs_are_held_to_the_exact_profile() -> None:
    held_to = {rung.method: rung.profile for rung in LADDERS["erasure"]}
    assert held_to == {"drop_shard": "exact", "npo": None, "renew": None, "retrain": "exact"}
    assert not any(rung.profile for rung in LADDERS["behavioural"])


def test_a_refuted_rung_is_followed_by_a_stronger_one_and_says_what_refuted_it() -> None:
    step = after(refuted("npo"))
    assert step.rung is not None and step.rung.method == "renew"
    assert step.reason == "npo was refuted by relearning; escalating to renew"


def test_what_was_not_settled_is_drawn_anew_once_and_then_left() -> None:
    step = after(refuted("npo"), unsettled("renew"))
    assert step.rung is not None and step.rung.method == "renew"
    assert step.reason == (
        "renew was not settled by residual; trying it once more with a fresh seed"
    )
    step = after(refuted("npo"), unsettled("renew"), unsettled("renew"))
    assert step.rung is not None and step.rung.method == "retrain"
    assert step.reason == "renew was not settled by residual; escalating to retrain"


def test_a_finding_against_a_method_leaves_it_no_second_try() -> None:
    assert method_after(refuted("renew")) == "retrain"
    assert method_after(unsettled("renew"), refuted("renew")) == "retrain"
    assert method_after(refuted("retrain")) is None


def test_a_method_that_begins_at_what_knew_the_person_is_tried_once() -> None:
    assert method_after(unsettled("npo")) == "renew"


def test_the_last_rung_is_drawn_anew_once_and_then_only_for_a_person() -> None:
    past = (unsettled("retrain"), unsettled("retrain"))
    assert method_after(past[0]) == "retrain"
    assert method_after(*past) is None
    assert method_after(*past, round_number=1) == "retrain"
    assert method_after(*past, unsettled("retrain", round_number=1), round_number=1) is None


def test_only_what_draws_anew_and_removes_may_be_tried_twice() -> None:
    """A method that deletes nothing gains nothing by a second look at the same model."""
    cards = {card.name: card for card in catalog().methods}
    for rung in {rung.method: rung for ladder in LADDERS.values() for rung in ladder}.values():
        card = cards[rung.method]
        assert rung.effect is card.effect
        assert rung.tries == (2 if card.draws_anew else 1)
        assert card.effect in {Effect.EXACT, Effect.REMOVAL}


def test_bad_luck_in_a_second_try_is_no_third_one() -> None:
    crashed = errored("renew", "crashed")
    assert method_after(unsettled("renew"), crashed) == "renew"
    assert method_after(unsettled("renew"), crashed, crashed) == "retrain"


def test_a_method_that_left_the_ladder_is_said_to_have_left_and_the_rest_is_tried() -> None:
    step = after(refuted("npo"), errored("undo", "crashed"))
    assert step.rung is not None and step.rung.method == "renew"
    assert step.reason == "undo is on no ladder any more; escalating to renew"


def test_a_policy_that_names_what_no_ladder_has_any_more_is_told_so() -> None:
    step = next_step(layout="whole", profile="erasure", past=(), allowed=("undo", "retrain"))
    assert step.rung is not None and step.rung.method == "retrain"
    assert step.reason.endswith("the policy names undo, which no ladder has any more")
    step = next_step(layout="whole", profile="erasure", past=(), allowed=("undo",))
    assert step.rung is None and step.code == "no_method"
    assert step.reason.endswith("the policy names undo, which no ladder has any more")


def test_a_ladder_without_a_further_rung_is_exhausted() -> None:
    step = after(refuted("npo"), refuted("renew"), refuted("retrain", "membership"))
    assert step.rung is None and step.code == "ladder_exhausted"
    assert step.reason == "retrain was refuted by membership; no stronger method is left"


@pytest.mark.parametrize("code", ["out_of_memory", "crashed"])
def test_bad_luck_is_tried_once_more_on_the_same_rung_and_then_escalated(code: str) -> None:
    assert method_after(errored("npo", code)) == "npo"
    assert method_after(errored("npo", code), errored("npo", code)) == "renew"


@pytest.mark.parametrize("code", ["diverged", "not_supported", "timed_out"])
def test_a_method_that_does_not_fit_is_left_at_once(code: str) -> None:
    assert method_after(errored("npo", code)) == "renew"


def test_what_cannot_be_verified_is_left_without_being_run() -> None:
    step = after(errored("npo", "cannot_be_verified"))
    assert step.rung is not None and step.rung.method == "renew"
    assert "could not have been verified here" in step.reason


@pytest.mark.parametrize("profile", ["gdpr", "hipaa"])
def test_a_law_s_own_profile_climbs_as_erasure_does(profile: str) -> None:
    assert LADDERS[profile] == LADDERS["erasure"]


@pytest.mark.parametrize(
    "code",
    ["model_missing", "artifact_changed", "dataset_changed", "disk_full", "bad_job", "unheard_of"],
)
def test_bad_input_stops_the_ladder_and_a_retry_resumes_on_the_same_rung(code: str) -> None:
    past = (refuted("npo"), errored("renew", code))
    step = after(*past)
    assert step.rung is None and step.code == code
    assert method_after(*past, round_number=1) == "renew"


def test_a_retry_of_an_exhausted_ladder_tries_the_strongest_rung_again() -> None:
    past = (refuted("npo"), refuted("renew"), refuted("retrain"))
    assert method_after(*past, round_number=1) == "retrain"
    again = (*past, refuted("retrain", round_number=1))
    assert method_after(*again, round_number=1) is None
    assert method_after(*again, round_number=2) == "retrain"


def test_an_attempt_that_was_stopped_is_run_again_whatever_the_round() -> None:
    stopped = Past("renew", CANCELLED)
    assert method_after(refuted("npo"), stopped) == "renew"
    assert method_after(refuted("npo"), stopped, round_number=1) == "renew"


def test_a_hold_between_two_attempts_changes_nothing_about_what_follows() -> None:
    assert method_after(refuted("npo"), round_number=1) == "renew"


def test_bad_luck_counts_anew_in_each_round() -> None:
    unlucky = errored("retrain", "crashed")
    assert method_after(unlucky, unlucky) is None
    assert method_after(unlucky, unlucky, round_number=1) == "retrain"


def test_a_layout_without_a_method_is_said_to_have_none() -> None:
    assert after(layout="quantised").code == "no_method"


def test_a_policy_leaves_out_what_it_does_not_allow() -> None:
    allowed = ("renew", "retrain")
    assert [rung.method for rung in ladder_for("whole", "erasure", allowed)] == list(allowed)
    step = next_step(layout="whole", profile="erasure", past=(), allowed=allowed)
    assert step.rung is not None and step.rung.method == "renew"


def test_a_policy_that_leaves_nothing_is_named_as_the_reason() -> None:
    step = next_step(layout="sharded", profile="erasure", past=(), allowed=("npo",))
    assert step.rung is None and step.code == "no_method" and "policy" in step.reason


def test_no_ladder_has_a_method_that_only_contains_at_serving() -> None:
    """A guard changes no weight, so no policy and no profile may let one stand for an erasure."""
    guards = {card.name for card in catalog().methods if card.effect is Effect.SERVE_SUPPRESSION}
    assert guards == {"alu", "guard", "icu", "uld"}
    for profile, ladder in LADDERS.items():
        assert not guards & {rung.method for rung in ladder}
        assert not any(rung.effect is Effect.SERVE_SUPPRESSION for rung in ladder)
        for layout in ("whole", "sharded"):
            assert ladder_for(layout, profile, guards) == ()
            step = next_step(layout=layout, profile=profile, past=(), allowed=guards)
            assert step.rung is None and step.code == "no_method"
