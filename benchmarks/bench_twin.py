"""How far the twin's predictions are: designs of ours, or Postfix + Dovecot, as a table.

Calibrates this machine (or the peers), runs the same minutes in both executions at `--levels`
loads up to 80 % of saturation, and prints a line for each method and load: predicted / measured
milliseconds of machine latency, bold where beyond the goal and the chance of the measure.

Run on an idle machine; some 75 s for a design and load, four minutes for a calibration:
python benchmarks/bench_twin.py --designs multi-endpoint --calibration calibration.toml
python benchmarks/bench_twin.py --peers (as root; .ci/peers-operators)
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.machine import describe
from benchmarks.mail_peers import peer_file, peers
from sandbox.space.loader import load_scenario
from sandbox.twin.calibration import Calibration, read_calibration
from sandbox.twin.compared import Level
from sandbox.twin.measuring import calibrate
from sandbox.twin.options import wanted_of
from sandbox.twin.structure import inputs_of
from sandbox.twin.twins import run_twin

__all__ = ["table"]

FAMILIES = ("single-endpoint", "multi-endpoint", "multi-port")


def table(level: Level) -> list[str]:
    """Return the lines of a load, in Markdown."""
    lines, shown = [], dict[tuple[str, str], list[str]]()
    for row in level.rows:
        if row.measure != "machine" or row.predicted is None or row.measured is None:
            continue
        half = 0.0 if row.ci95 is None else 500 * (row.ci95[1] - row.ci95[0])
        text = f"{1000 * row.predicted:.1f} / {1000 * row.measured:.1f} ± {half:.1f}"
        text += "" if row.relative_error is None else f" ({row.relative_error:+.0%})"
        cells = shown.setdefault((row.design, row.method), [str(row.count)])
        cells.append(f"**{text}**" if row.missed else text)
    for (design, method), cells in shown.items():
        lines.append(f"| {design}, {level.load:.0%}: {method} | {' | '.join(cells)} |")
    for each in level.figures:
        numbers = f"{each.predicted:.4g} / {each.measured:.4g}"
        lines.append(f"<!-- {each.design} {each.figure} {numbers} -->")
    return lines


def main() -> None:
    """Measure and print; `twin.json` and the calibration go to `--out`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--designs", default=",".join(FAMILIES))
    parser.add_argument("--peers", action="store_true", help="Postfix + Dovecot, instead of ours")
    parser.add_argument("--levels", type=int, default=2)
    parser.add_argument("--scale", type=float, default=0.6)
    parser.add_argument("--calibration", type=Path, help="of before; without it, measured first")
    parser.add_argument("--out", type=Path, default=Path("out/bench-twin"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    print("  ".join(f"{name}: {value}" for name, value in describe().items()))
    with contextlib.ExitStack() as stack:
        files: tuple[Path, ...] = ()
        if options.peers:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            ca, *both, version = stack.enter_context(peers())
            (folder / "roots.pem").write_bytes(ca.roots_pem())
            files = tuple(peer_file(folder, each) for each in both)
            print(version)
        known: Calibration
        if options.calibration is not None:
            known = read_calibration(options.calibration)
        else:
            known = calibrate(space=files, show=lambda what: print(what, file=sys.stderr))
            known.write(options.out / "calibration.toml", inputs_of(known))
        loaded = load_scenario("demo")
        designs = ("single-endpoint",) if files else tuple(options.designs.split(","))
        for design in designs:
            wanted = wanted_of(
                loaded, "demo", (design,), None, "lundi 08:45", "2h", options.scale, 3, 1, 0, 1,
                space=files,
            )  # fmt: skip
            found = run_twin(
                wanted, known, levels=options.levels, tell=lambda line: print(line, file=sys.stderr)
            )
            found.write(options.out / design)
            for level in found.levels:
                print("\n".join(table(level)), flush=True)


if __name__ == "__main__":
    main()
