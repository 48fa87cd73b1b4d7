"""The whole spec, loaded: what is declared, and which checks follow from the user's options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ipllvm_spec.errors import UsageError, unknown_name
from ipllvm_spec.spec.cases import Case, Source, is_path, split_ref
from ipllvm_spec.spec.entries import BenchmarkEntry, Data, ModelEntry, Profile
from ipllvm_spec.spec.paper import Paper, PrintedCell
from ipllvm_spec.spec.references import Reference, choose
from ipllvm_spec.spec.schema import AVERAGE, Claim, Property
from ipllvm_spec.spec.sweeps import within


def data_of(source: str) -> Data:
    """Returns which data a source counts as: a path is no rendered scene, so it is published."""
    return "twin" if source == "twin" else "published"


@dataclass(frozen=True)
class Suite:
    """Everything that the TOML files declare.

    Attributes:
        properties: By id.
        claims: By full id, ``permutation.accuracy_survives``.
        models: By key.
        benchmarks: By name, in the order of the file.
        profiles: By name.
        paper: The printed numbers.
    """

    properties: Mapping[str, Property]
    claims: Mapping[str, Claim]
    models: Mapping[str, ModelEntry]
    benchmarks: Mapping[str, BenchmarkEntry]
    profiles: Mapping[str, Profile]
    paper: Paper

    def claim(self, claim_id: str) -> Claim:
        """Returns a claim by full id.

        Raises:
            UnknownNameError: With the nearest id.
        """
        if claim_id not in self.claims:
            raise unknown_name("claim", claim_id, self.claims)
        return self.claims[claim_id]

    def profile(self, name: str) -> Profile:
        """Returns a profile by name.

        Raises:
            UnknownNameError: With the nearest name.
        """
        if name not in self.profiles:
            raise unknown_name("profile", name, self.profiles)
        return self.profiles[name]

    def model(self, ref: str, *, data: Data = "published") -> ModelEntry:
        """Returns the registry entry behind a model reference, variants ignored.

        Args:
            ref: A key of models.toml or a local path, either with ``~variant`` suffixes.
            data: Benchmark data for a local path, about which the registry knows nothing.

        Raises:
            UnknownNameError: With the nearest key.
        """
        base = split_ref(ref).base
        if base in self.models:
            return self.models[base]
        if is_path(base):
            title = base.rstrip("/").rpartition("/")[2] or base
            return ModelEntry(key=base, title=title, path=base, data=data)
        raise unknown_name("model", base, self.models)

    def saliency_model(self, source: str) -> str | None:
        """Returns the key of the model whose attention is the saliency of images.

        Args:
            source: Where the images come from: ``twin``, ``published`` or a path, which counts as
                published: it is no rendered scene.
        """
        data = data_of(source)
        return next((key for key, entry in self.models.items() if entry.saliency == data), None)

    def captioner(self, source: str) -> str | None:
        """Returns the key of the model that writes captions; ``source`` as above."""
        data = data_of(source)
        return next((key for key, entry in self.models.items() if entry.captions == data), None)

    def printed(self, ref: str, benchmark: str) -> PrintedCell | None:
        """Returns the paper's cell of Table 1, only for a model that the paper measured.

        Broken variants of such a model are not that model.
        """
        if split_ref(ref).variants:
            return None
        return self.paper.printed(self.model(ref), self.benchmarks[benchmark])

    def cases(
        self,
        claim_id: str,
        *,
        models: Sequence[str] = (),
        benchmarks: Sequence[str] = (),
        profile: str = "default",
        units: int | None = None,
        data: Data = "published",
        mode: str | None = None,
    ) -> tuple[Case, ...]:
        """Returns the checks of one claim, sorted by key.

        Args:
            claim_id: Full id of the claim.
            models: Model references; empty for the profile's models, or for a claim about vision
                encoders the profile's encoders.
            benchmarks: Names, or ``name=folder`` to read the items from a folder; empty for all.
                Benchmarks that the claim does not declare give no check.
            profile: Name of the profile.
            units: Cut to the first units; overrides the profile's cut.
            data: Benchmark data for models given by path.
            mode: Protocol mode of the claims that declare none; None for the profile's.

        Raises:
            UnknownNameError: For a claim, model, benchmark, profile or mode that does not exist.
            UsageError: For ``units`` below 1.
        """
        claim, chosen = self.claim(claim_id), self.profile(profile)
        if units is not None and units < 1:
            raise UsageError(f"--units {units} measures nothing", "give at least 1")
        folders = self._folders(benchmarks)
        if not {claim.id, claim.property_id}.isdisjoint(chosen.leaves_out):
            return ()
        wanted = [name for name in claim.benchmarks if not folders or name in folders]
        picked = _pick(wanted, chosen)
        chosen_mode = claim.mode or mode or chosen.mode
        for name in picked:
            offered = self.benchmarks[name].modes
            if chosen_mode not in offered:
                raise unknown_name(f"protocol mode of {name}", chosen_mode, offered)
        found: list[Case] = []
        for ref in dict.fromkeys(models or _own(claim, chosen)):
            entry = self.model(ref, data=data)
            against = choose(claim.against, ref, data=entry.data, models=self.models)
            groups = [tuple(picked)] if claim.aggregate else [(name,) for name in picked]
            for group in groups if picked else []:
                benchmark = None if claim.aggregate else group[0]
                cut = units if units is not None else chosen.units
                measured = (*group, *((claim.than,) if claim.than else ()))
                sources = tuple(Source(name, folders.get(name) or entry.data) for name in measured)
                found.append(
                    Case(
                        claim=claim,
                        guards=tuple(self.claims[guard] for guard in claim.requires),
                        model=ref,
                        entry=entry,
                        benchmark=benchmark,
                        benchmarks=measured,
                        sources=sources,
                        profile=chosen.name,
                        mode=chosen_mode,
                        repeats=min(claim.repeats, chosen.max_repeats or claim.repeats),
                        sweep=within(claim.sweep_on(mini=entry.mini), chosen.levels),
                        units=cut,
                        examples=claim.search.examples.of(chosen.name) if claim.search else 0,
                        expectation=claim.expectation(ref, benchmark or AVERAGE),
                        skip=self._skip(claim, chosen, group)
                        or _alone(claim, ref, against)
                        or self._own_look(claim, ref, sources),
                        against=against,
                    )
                )
        return tuple(sorted(found, key=lambda case: case.key))

    def _folders(self, benchmarks: Sequence[str]) -> dict[str, str]:
        """Maps each benchmark the user named to its folder, "" for the default source."""
        folders: dict[str, str] = {}
        for text in benchmarks:
            name, equals, folder = text.partition("=")
            if name not in self.benchmarks:
                raise unknown_name("benchmark", name, self.benchmarks)
            if equals and not folder:
                raise UsageError(f"--benchmarks {text} names no folder", f"write {name}=./folder")
            if folders.setdefault(name, folder) != folder:
                raise UsageError(f"--benchmarks gives {name} two sources", "give it once")
        return folders

    def _skip(self, claim: Claim, profile: Profile, group: tuple[str, ...]) -> str:
        left_out = [name for name in claim.benchmarks if name not in group]
        if claim.aggregate and left_out:
            # A mean over fewer benchmarks is another claim, so it is not decided silently.
            return (
                f"an average over {len(claim.benchmarks)} benchmarks is not decided on "
                f"{len(group)}: the options or profile '{profile.name}' leave out "
                + ", ".join(left_out)
            )
        return ""

    def _own_look(self, claim: Claim, ref: str, sources: Sequence[Source]) -> str:
        """Says why salient patches are not hidden from a model: it would choose them itself."""
        chosen = any(one.needs_saliency for one in claim.interventions())
        looking = {self.saliency_model(source.source) for source in sources} if chosen else set()
        if split_ref(ref).base in looking:
            return f"the attention of '{ref}' itself says which patches are salient"
        return ""


def _own(claim: Claim, profile: Profile) -> tuple[str, ...]:
    """Returns the models of a profile that a claim is decided on."""
    scope = dict(profile.scope)
    names = {claim.property_id, claim.id}
    if claim.about_encoders:
        return profile.encoders
    known = ((model, scope.get(model)) for model in profile.models)
    return tuple(model for model, only in known if only is None or not names.isdisjoint(only))


def _alone(claim: Claim, ref: str, against: Reference | None) -> str:
    """Says why a model cannot be compared with another one; "" when it can or need not be."""
    if claim.against and against is None:
        return f"nothing on the same data is declared that '{ref}' is compared with"
    if against is not None and against.model == ref:
        return f"'{ref}' is what the others are compared with"
    return ""


def _pick(wanted: list[str], profile: Profile) -> list[str]:
    """Applies ``one_benchmark`` to the benchmarks of a claim."""
    if not profile.one_benchmark or not wanted:
        return wanted
    return [next((name for name in profile.one_benchmark if name in wanted), wanted[0])]
