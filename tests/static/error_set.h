// In front of each file that tests/static.sh looks at: that error_set returns false, which analyzers of one file at a time cannot see.
#include "base/error.h"
#define error_set_in(...) (error_set_in(__VA_ARGS__), false)
