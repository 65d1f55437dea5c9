// Debian 13's XNNPACK needs one function that Debian 12's C library lacks: fmodf as of glibc 2.38, which differs from the one
// before in how it sets errno. This library stands between XNNPACK and libm and has it; all others are found in libm behind it.
// fmod is exact, and for two floats its result is a float: these are the bits of fmodf.
#include <math.h>

float fmodf(float a, float b) { return (float)fmod(a, b); }
