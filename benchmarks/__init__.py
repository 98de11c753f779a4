"""Speed and memory beside the peers' released packages. Prints ratios, versions and the machine; never a test.

`python -m benchmarks` runs all; `python -m benchmarks code_checks --spans 200000` runs one, smaller;
`python -m benchmarks judges --quick` takes a short look at the judges, whose mock provider lies beside the repository.
"""
