"""Separations as jobs: an upload, a file's URL or a link to a media site in, stems out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from stemwright.engine.catalog import MODELS, QUALITIES, Model, QualityName, find_model
from stemwright.errors import OptionError, WeightsMissing
from stemwright.features.accounts.account import Principal
from stemwright.features.intake.service import Intake, Wish
from stemwright.features.intake.songs import PROVISIONAL_COST
from stemwright.features.webhooks.service import Webhooks
from stemwright.jobs.job import Job

from .orders import OUTPUTS, LinkOrder, OutputType, QualityWord, StemOrder

STEMS: Final = "stems"
YOUTUBE: Final = "youtube"
SOUNDCLOUD: Final = "soundcloud"

_SECONDS_A_SECOND: Final[Mapping[QualityWord, float]] = {
    "FAST": 0.15,
    "BALANCED": 0.2,
    "BEST": 0.75,
}
"""Rough cost of a second of music on two cores; an estimate is for a user's patience."""
_OVERHEAD_S: Final = 3

IsInstalled = Callable[[Model], bool]


@dataclass(slots=True)
class Separations:
    """Creates separation jobs; the job table has them from there on."""

    intake: Intake
    webhooks: Webhooks
    is_installed: IsInstalled
    chosen: Callable[[QualityName], str | None] = lambda _tier: None
    """The model that the operator chose for a tier, if he did."""

    def create(self, principal: Principal, order: StemOrder) -> Job:
        """Order the stems of an upload or of the file behind a URL.

        Raises
        ------
        OptionError
            The order contradicts itself.
        WeightsMissing
            No installed model separates these stems.
        SourceError, InputError, UploadError, InsufficientCredits, IdempotencyConflict

        """
        earlier = self.intake.jobs.replayed(principal.owner, order.idempotency)
        if earlier is not None:
            return earlier
        model = self._model_for(order.output_type, order.quality)
        self._check_callback(order.callback_url)
        wish = Wish(order.upload_key, order.source_url, order.file_name)
        taken = self.intake.take(principal.owner, wish)
        return self.intake.place(
            principal.owner,
            STEMS,
            request={
                "source": dict(taken.source),
                "model": model.name,
                "output_type": order.output_type,
                "quality": order.quality,
                "output_format": order.output_format,
                "metadata": _plain(order.metadata),
                "callback_url": order.callback_url,
            },
            facts=taken.facts,
            cost=taken.cost,
            idempotency=order.idempotency,
            upload_key=order.upload_key,
        )

    def create_youtube(self, principal: Principal, order: LinkOrder) -> Job:
        """Order vocals and instrumental of a video.

        Raises
        ------
        SourceError
            The link is none, or the video cannot be had.
        InsufficientCredits, IdempotencyConflict

        """
        earlier = self.intake.jobs.replayed(principal.owner, order.idempotency)
        if earlier is not None:
            return earlier
        self._check_callback(order.callback_url)
        video_id = self.intake.youtube.parse(order.url)
        video = self.intake.youtube.lookup(video_id)
        facts = {**asdict(video), "youtube_url": order.url.strip()}
        cost = video.video_duration
        return self._place_link(principal, YOUTUBE, {"youtube": video_id}, order, facts, cost)

    def create_soundcloud(self, principal: Principal, order: LinkOrder) -> Job:
        """Order vocals and instrumental of a track; errors as for a video."""
        earlier = self.intake.jobs.replayed(principal.owner, order.idempotency)
        if earlier is not None:
            return earlier
        self._check_callback(order.callback_url)
        address = self.intake.soundcloud.parse(order.url)
        track = self.intake.soundcloud.lookup(address)
        facts = {**asdict(track), "soundcloud_url": order.url.strip()}
        cost = PROVISIONAL_COST if track.track_duration_estimated else track.track_duration
        return self._place_link(principal, SOUNDCLOUD, {"soundcloud": address}, order, facts, cost)

    def estimated_s(self, job: Job) -> int:
        """Guess how many seconds the work takes, on two cores that have nothing else to do."""
        quality: QualityWord = job.request.get("quality", "BEST")
        return _OVERHEAD_S + math.ceil(job.cost * _SECONDS_A_SECOND[quality])

    def _place_link(
        self,
        principal: Principal,
        kind: str,
        source: Mapping[str, str],
        order: LinkOrder,
        facts: Mapping[str, Any],
        cost: int,
    ) -> Job:
        model = self._model_for("BOTH", "BEST")
        return self.intake.place(
            principal.owner,
            kind,
            request={
                "source": dict(source),
                "model": model.name,
                "output_type": "BOTH",
                "quality": "BEST",
                "output_format": "MP3",
                "metadata": _plain(order.metadata),
                "callback_url": order.callback_url,
            },
            facts=facts,
            cost=cost,
            idempotency=order.idempotency,
        )

    def _model_for(self, output_type: OutputType, quality: QualityWord) -> Model:
        wanted = {stem for stem in OUTPUTS[output_type] if stem != "instrumental"}
        if output_type == "SIX_STEMS" and quality != "BEST":
            raise OptionError("SIX_STEMS is separated with quality BEST only; ask for that.")
        tier = QUALITIES[_TIERS[quality]]
        usual = tier.run_with(lambda name: self.is_installed(find_model(name))).model
        usual = self.chosen(tier.name) or usual
        models = [find_model(usual), *MODELS.values()]
        able = [model for model in models if wanted <= set(model.stems)]
        for model in able:
            if self.is_installed(model):
                return model
        names = " or ".join(dict.fromkeys(model.name for model in able))
        remedy = f"its operator can install one: stemwright models pull {names}" if names else ""
        raise WeightsMissing(
            f"No model for {output_type} is installed on this server; {remedy or 'there is none'}."
        )

    def _check_callback(self, url: str | None) -> None:
        if url is not None:
            self.webhooks.check_url(url)


_TIERS: Final[Mapping[QualityWord, QualityName]] = {
    "FAST": "fast",
    "BALANCED": "balanced",
    "BEST": "best",
}


def _plain(metadata: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if metadata is None else dict(metadata)
