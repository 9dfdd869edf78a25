"""The document in German: every sentence of it, and nothing that was left in English."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pypdf
import pytest
from django.utils import translation

from contract.report import Verdict
from expunge.certificates.facts import ModelFacts
from expunge.certificates.phrases import Unspoken, attack_words, said
from expunge.certificates.translated import Speaker
from expunge.jobs.catalog import catalog
from tests.expunge.certificates import samples
from tests.expunge.certificates.test_pages import printed, text

# Words that every longer English text has and that no German one does.
ENGLISH = {
    *("the", "and", "of", "with", "this", "that", "from", "were", "by", "to", "not", "are"),
    *("it", "for", "has", "which", "they", "when", "what", "or", "than", "after", "before"),
    *("never", "record", "records", "attempt", "page", "margin", "checks", "about"),
}
# What the controller, the code and the standards call things is the same in every language.
NAMES = (
    *("ward assistant night shift", "ward assistant base", "ward assistant", "triage helper"),
    *("learning_rate", "Clinic South", "expunge-verify certificate.pdf --sidecar certificate.json"),
    *("--trust roots.pem --log-key log.key", "statement.dsse.json", "log-entry.json"),
)
SENTENCES = Path(__file__).with_name("sentences.txt").read_text(encoding="utf-8").splitlines()


def words(pdf: bytes) -> set[str]:
    found = text(pypdf.PdfReader(io.BytesIO(pdf)))
    for name in NAMES:
        found = found.replace(name, "")
    return set(re.findall(r"[a-z]+", found.casefold()))


@pytest.mark.parametrize(
    ("models", "title", "first"),
    [
        (
            (samples.ASSISTANT, samples.SHARDED),
            "Löschzertifikat",
            "wirken in den hier genannten Modellen nicht mehr",
        ),
        (
            (samples.BEHAVED,),
            "Zertifikat über die Entfernung im Verhalten",
            "auf Fragen nicht mehr preis",
        ),
        ((samples.GUARDED,), "Mitteilung über eine bloße Eindämmung", "Nichts wurde gelöscht"),
        (
            (samples.REFUTED,),
            "Erklärung über eine gescheiterte Verifizierung",
            "versucht und nicht gezeigt",
        ),
        (
            (samples.BROKEN,),
            "Erklärung über eine gescheiterte Verifizierung",
            "versucht und nicht gezeigt",
        ),
    ],
)
def test_no_english_is_left_in_a_german_document(
    models: tuple[ModelFacts, ...], title: str, first: str
) -> None:
    pdf = printed(*models, language="de")
    assert not words(pdf) & ENGLISH
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    page = " ".join(reader.pages[0].extract_text().split())
    assert title in page and first in page and "20. November 2026" in page
    assert reader.trailer["/Root"].get_object()["/Lang"] == "de"
    assert reader.metadata is not None and reader.metadata.title.startswith(title)  # type: ignore[union-attr]


def test_the_same_words_would_be_noticed_in_english() -> None:
    assert len(words(printed(samples.BROKEN)) & ENGLISH) > len(ENGLISH) / 2


def test_german_numbers_have_commas() -> None:
    said_ = text(pypdf.PdfReader(io.BytesIO(printed(samples.BEHAVED, language="de"))))
    assert "0,44 bis 0,62" in said_ and "0,531" in said_ and "53 %" in said_
    assert "Art. 17 Abs. 1 Buchst. b DSGVO" in said_


@pytest.mark.parametrize("sentence", [pytest.param(SENTENCES, id="those of 110 verifications")])
def test_the_phrasebook_says_every_sentence_that_verifications_wrote(sentence: list[str]) -> None:
    missing = []
    for item in sentence:
        try:
            said(item, "de")
        except Unspoken:
            missing.append(item)
    assert not missing and len(sentence) > 240


def test_every_check_of_the_catalog_has_a_title_in_german() -> None:
    assert all(said(card.title, "de") != card.title for card in catalog().checks)


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_attack_has_words_in_both_languages(language: str) -> None:
    tuned = [
        f"relearn-{kind}{way}-16"
        for kind in ("forget", "topic", "benign", "retain")
        for way in ("", "-lora")
    ]
    rounded = [f"quantise-{kind}" for kind in ("int8", "int4", "nf4", "bitsandbytes")]
    others = ["prune-30", "average-50", "perturb-latent", "perturb-embedding", "soft-prompt", "gcg"]
    for label in (*tuned, *rounded, *others):
        words = attack_words(label, language)
        assert words not in {label, label.replace("-", " ")}


def test_phrases_are_put_together_and_numbers_written_the_german_way() -> None:
    assert said("Membership: Loss attack, AUC: the records are still recognised (0.98)", "de") == (
        "Zugehörigkeit: Verlust-Angriff, AUC: Die Datensätze werden noch erkannt (0,98)"
    )
    assert attack_words("relearn-retain-100", "de") == (
        "100 Schritten Weitertraining auf fremden Datensätzen"
    )


def test_what_the_phrasebook_lacks_is_replaced_and_counted_never_printed() -> None:
    speaker = Speaker("de")
    check = samples.report(Verdict.PASS).checks[0]
    strange = type(check)(
        **{**vars(check), "reading": "Nobody ever wrote this.", "reasons": ("Nor this one.",)}
    )
    with translation.override("en"):
        spoken = speaker.check(strange)
    assert spoken.reading == "Nothing was found above the margin." and spoken.reasons == ()
    assert speaker.left_out == 2
    with pytest.raises(Unspoken):
        said("Nobody ever wrote this.", "de")
    assert said("Nobody ever wrote this.", "en") == "Nobody ever wrote this."
