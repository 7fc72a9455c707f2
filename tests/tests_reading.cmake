# Tests of opening, looking up, scanning and verifying.
