// Decoded pictures against frames in [-1, 1]: for tests of what wanrun writes.
#ifndef WANC_TESTS_COMPARE_FRAMES_H
#define WANC_TESTS_COMPARE_FRAMES_H

struct comparison {
    float *expected; // [3][total][height][width]
    long total, height, width;
    long frames;                  // compared so far
    double luma, rgb[3], squares; // sums of differences, on the scale of 0-255
};

// One pixel of a picture: red, green and blue, 0-255, not clamped.
typedef void pixel_reader(const void *picture, long x, long y, double rgb[3]);

// From a file of wanrun's, float32 [1, 3, frames, height, width]; ends the program where it cannot.
void comparison_open(struct comparison *c, const char *path);
void comparison_add(struct comparison *c, const void *picture, long width, long height, pixel_reader *read);
// "13 frames 0.55 0.12 0.08 0.20 psnr 41.2": the mean absolute difference of the luma of pixels, how far the mean red,
// green and blue of the whole video are off (of single pixels they differ: 4:2:0 has fewer of them), and the ratio of
// signal to noise of all three in dB, 99 where there is no noise.
void comparison_print(const struct comparison *c);
void comparison_close(struct comparison *c);

#endif
