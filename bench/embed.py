"""Speed and accuracy of embedding, compared with other implementations of the same model."""

import dataclasses
import json
import pathlib
import statistics
import sys
from collections.abc import Callable

import numpy as np
import pyarrow.parquet as pq
from tokenizers import Tokenizer

import peak
import peers
import plain_graph
import process
import report
import samples
from shell import Shell, quoted

INT8 = "semql, int8"
FP32 = "semql, fp32"
FASTEMBED = "fastembed, its defaults"
SENTENCE_TRANSFORMERS = "sentence-transformers' way"
SORTED_BY_TOKENS = "the same, sorted by tokens"
OPENVINO_INT8 = "OpenVINO, int8 by NNCF"
OPENVINO_FP32 = "OpenVINO, fp32"

DATA_SETS: dict[str, Callable[[pathlib.Path, int], tuple[list[str], list[str]]]] = {
    "MWPD2020 (Name and Description)": samples.mwpd2020,
    "products.parquet (title and text, rows with text)": samples.products_with_text,
}


@dataclasses.dataclass(frozen=True)
class Measured:
    seconds: float
    peak_bytes: int
    vectors: np.ndarray


@dataclasses.dataclass(frozen=True)
class Bench:
    shell: Shell
    model: pathlib.Path
    data: pathlib.Path
    folder: pathlib.Path
    count: int
    repeats: int

    def section(self) -> str:
        """The section of the report, in markdown."""
        if not (self.model / "model.safetensors").is_file():
            raise samples.MissingData("semql's default model is not on this machine; `make setup` installs it")
        for pooled in (False, True):
            plain_graph.export(self.model, self._graph(pooled), pooled)
        before = peak.measure()
        sets = [self._measure(name, choose) for name, choose in DATA_SETS.items()]
        # Measured twice, since other load may lower one measurement.
        highest = before.or_higher(peak.measure())
        parts = [self._method(), self._peak(highest)]
        for name, outcome in sets:
            parts += [f"### {name}", outcome if isinstance(outcome, str) else self._tables(outcome, highest)]
        return "\n\n".join(parts)

    def _graph(self, pooled: bool) -> pathlib.Path:
        return self.folder / ("pooled-graph" if pooled else "token-graph")

    def _measure(
        self, name: str, choose: Callable[[pathlib.Path, int], tuple[list[str], list[str]]]
    ) -> "tuple[str, str | Outcome]":
        try:
            texts, warm_up = choose(self.data, self.count)
            calibration = self._calibration(choose, texts)
        except samples.MissingData as missing:
            return name, f"Skipped: {missing}."
        samples.write(texts, self.folder / "texts.parquet")
        samples.write(warm_up, self.folder / "warm-up.parquet")
        self._quantize(calibration)
        ways: dict[str, Callable[[], Measured]] = {
            INT8: lambda: self._semql("int8"),
            FP32: lambda: self._semql("fp32"),
            FASTEMBED: lambda: self._peer(peers.FASTEMBED, self._graph(pooled=False)),
            SENTENCE_TRANSFORMERS: lambda: self._peer(peers.SENTENCE_TRANSFORMERS, self._graph(pooled=True)),
            SORTED_BY_TOKENS: lambda: self._peer(peers.SORTED_BY_TOKENS, self._graph(pooled=True)),
            OPENVINO_INT8: lambda: self._peer(peers.OPENVINO_INT8, self._openvino_graph()),
            OPENVINO_FP32: lambda: self._peer(peers.OPENVINO_FP32, self._graph(pooled=True)),
        }
        runs: dict[str, list[Measured]] = {way: [] for way in ways}
        for repeat in range(self.repeats):
            # Rotates the order, so that none always follows the same one.
            start = repeat % len(ways)
            for way in [*ways][start:] + [*ways][:start]:
                print(f"bench: {name}: {way}, {repeat + 1} of {self.repeats}", file=sys.stderr, flush=True)
                runs[way].append(ways[way]())
        return name, Outcome(runs, self._tokens(texts))

    def _openvino_graph(self) -> pathlib.Path:
        return self.folder / "openvino-graph"

    def _calibration(
        self, choose: Callable[[pathlib.Path, int], tuple[list[str], list[str]]], measured: list[str]
    ) -> list[str]:
        """Texts for OpenVINO's quantization that are not measured, a quarter as many."""
        wanted = self.count // 4
        more, _ = choose(self.data, self.count + wanted)
        excluded = set(measured)
        return [text for text in more if text not in excluded][:wanted]

    def _quantize(self, calibration: list[str]) -> None:
        """Writes OpenVINO's int8 model."""
        print("bench: NNCF quantizes the model for OpenVINO", file=sys.stderr, flush=True)
        texts = self.folder / "calibration.json"
        texts.write_text(json.dumps(calibration))
        program = pathlib.Path(__file__).resolve().with_name("openvino_graph.py")
        graph, limit = self._graph(pooled=True), plain_graph.token_limit(self.model)
        command = [program, graph, self._openvino_graph(), texts, limit]
        process.run([sys.executable, "-B", *map(str, command)], self.folder)

    def _semql(self, precision: str) -> Measured:
        def embed(source: str, target: str) -> str:
            return f"COPY (SELECT row, embed(text) AS vector FROM {quoted(source)}) TO {quoted(target)}"

        vectors = self.folder / "vectors.parquet"
        # Removes the output of an earlier implementation.
        vectors.unlink(missing_ok=True)
        timed = self.shell.time(
            warm_up=[
                f"SET ai.precision = '{precision}'",
                "SET ai.cache = 'off'",
                embed("warm-up.parquet", "warm-up-vectors.parquet"),
            ],
            timed=[embed("texts.parquet", "vectors.parquet")],
        )
        table = pq.read_table(vectors).sort_by("row")
        if table["row"].to_pylist() != list(range(self.count)) or table["vector"].null_count:
            raise process.ProcessFailure(
                f"semql wrote vectors for other rows than the {self.count} it was given ({precision}); "
                "embed() must answer every text that is not blank"
            )
        flat = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return Measured(timed.seconds[0], timed.peak_bytes, flat.reshape(self.count, -1))

    def _peer(self, way: str, graph: pathlib.Path) -> Measured:
        vectors = self.folder / "vectors.npy"
        vectors.unlink(missing_ok=True)
        program = pathlib.Path(peers.__file__).resolve()
        limit = str(plain_graph.token_limit(self.model))
        finished = process.run(
            [sys.executable, "-B", str(program), way, str(graph), "warm-up.json", "texts.json", limit, str(vectors)],
            self.folder,
        )
        # The last line: libraries may print before it.
        seconds = json.loads(finished.stdout.splitlines()[-1])["seconds"]
        return Measured(seconds, finished.peak_bytes, np.load(vectors))

    def _tokens(self, texts: list[str]) -> int:
        """All tokens that the model sees, padding left out."""
        tokenizer = Tokenizer.from_file(str(self.model / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(plain_graph.token_limit(self.model))
        return sum(len(encoded.ids) for encoded in tokenizer.encode_batch(texts))

    def _method(self) -> str:
        return (
            f"{self.count:,} distinct texts of each data set; repetitions of every way, in turns: {self.repeats}; "
            "figures are medians. The model is semql's default, the texts are cut at "
            f"{plain_graph.token_limit(self.model)} tokens everywhere. Each repetition is a process of its own that "
            f"loads the model and embeds {samples.WARM_UP_TEXTS} other texts before the clock starts, so neither "
            "start-up nor loading is counted. semql's time is what `\\timing` prints for a `COPY` that reads the texts "
            "from Parquet and writes the vectors to Parquet; the other ways' time is from a list of texts in memory "
            "to all vectors in memory, tokenising included. fastembed runs with its defaults (batches of 256 in "
            "arrival order). sentence-transformers' way is what its encode() does: longest texts first by characters, "
            "batches of 32, mean pooling, unit length, here with the same plain fp32 graph and ONNX Runtime's default "
            "threads. Sorted by tokens instead, batches hold less padding. OpenVINO runs the same graph, several "
            f"batches of {peers.OPENVINO_BATCH} at a time, sorted by tokens; NNCF has quantized its int8 model, "
            f"calibrated with {self.count // 4} texts of the data set that are not measured."
        )

    def _peak(self, highest: peak.Peak) -> str:
        operations = peak.dense_operations_per_token(plain_graph.read_config(self.model))
        return (
            "Highest rates that ONNX Runtime reached on products of large matrices in this run: "
            f"fp32 {highest.fp32 / 1e9:,.0f} GFLOP/s, int8 {highest.int8 / 1e9:,.0f} GOP/s. "
            f"The model's weight matrices cost {operations / 1e6:.2f} million operations a token; the effective rate "
            "below is that, times tokens (not padding) a second, and leaves attention's own products out."
        )

    def _tables(self, outcome: "Outcome", highest: peak.Peak) -> str:
        operations = peak.dense_operations_per_token(plain_graph.read_config(self.model))
        medians = {way: statistics.median(run.seconds for run in runs) for way, runs in outcome.runs.items()}
        speed = []
        for way, runs in outcome.runs.items():
            rate = outcome.tokens / medians[way]
            # Relative to the peak of the same arithmetic.
            in_int8 = way in (INT8, OPENVINO_INT8)
            limit = highest.int8 if in_int8 else highest.fp32
            speed.append(
                [
                    way,
                    report.median_and_range([run.seconds for run in runs]),
                    f"{self.count / medians[way]:,.1f}",
                    f"{rate:,.0f}",
                    f"{medians[FASTEMBED] / medians[way]:.2f}",
                    f"{medians[SENTENCE_TRANSFORMERS] / medians[way]:.2f}",
                    f"{medians[SORTED_BY_TOKENS] / medians[way]:.2f}",
                    f"{medians[OPENVINO_INT8] / medians[way]:.2f}",
                    f"{rate * operations / 1e9:,.0f}",
                    f"{rate * operations / limit:.0%} of {'int8' if in_int8 else 'fp32'}",
                    report.mebibytes(statistics.median(run.peak_bytes for run in runs)),
                ]
            )
        header = [
            "way", "seconds", "docs/s", "tokens/s", "times fastembed", "times sentence-transformers",
            "times sorted by tokens", "times OpenVINO int8", "effective GOP/s", "share of peak", "peak memory, MiB",
        ]  # fmt: skip
        vectors = {way: runs[0].vectors for way, runs in outcome.runs.items()}
        compared = (INT8, FP32, FASTEMBED, OPENVINO_INT8, OPENVINO_FP32)
        pairs = [(INT8, FP32), *((way, SENTENCE_TRANSFORMERS) for way in compared)]
        likeness = []
        for one, other in pairs:
            cosines = _cosines(vectors[one], vectors[other])
            likeness.append([one, other, f"{cosines.mean():.5f}", f"{cosines.min():.5f}"])
        return "\n\n".join(
            [
                f"{outcome.tokens / self.count:.1f} tokens a text in the mean.",
                report.table(header, speed),
                report.table(["vectors of", "and of (same texts)", "mean cosine", "least cosine"], likeness, left=2),
            ]
        )


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Every repetition of every way on one data set."""

    runs: dict[str, list[Measured]]
    tokens: int


def _cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = one.astype(np.float64), other.astype(np.float64)
    cosines: np.ndarray = (one * other).sum(1) / (np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1))
    return cosines
