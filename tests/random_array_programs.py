"""Random array programs through srcdiff, against the tests' dual numbers.

    python tests/random_array_programs.py --count 2000 --seed 0 --jobs 2

Takes the options of `random_programs.py`, and prints what it prints.
"""

import sys

import array_programs
import random_programs

if __name__ == "__main__":
    sys.exit(random_programs.main(numbered=array_programs.numbered, description=__doc__))
