"""How `tests.support.breakable` is told to break: by what is in the file that a variable names."""

VARIABLE = "HUB_TEST_BREAKS"
IMPORT, SERVING = "import", "serving"
