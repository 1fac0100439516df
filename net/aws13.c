/* SPDX-License-Identifier: Apache-2.0
 * The 13 AWS regions of the CometBFT QA latency emulation, one-way delays in milliseconds.
 *
 * Figures carried over from cometbft/cometbft, test/e2e/pkg/latency/aws-latencies.csv ("CometBFT
 * QA latency emulation"), Copyright CometBFT authors, licensed under the Apache License 2.0; only
 * the layout was changed.  Five pairs differ by 1 to 3 ms between the two ways there
 * (Singapore-Oregon most), and so they do here.  The diagonal is 0: delay inside a region is a
 * parameter of net. */
#include "net/aws13.h"

#include <stddef.h>

const char *const aws13_names[AWS13_REGIONS + 1] = {
    "N_Virginia", "Canada", "N_California", "London", "Oregon", "Ireland",   "Frankfurt",
    "S_Paulo",    "Tokyo",  "Mumbai",       "Sydney", "Seoul",  "Singapore", NULL,
};

const uint16_t aws13_one_way_ms[AWS13_REGIONS][AWS13_REGIONS] = {
    {0, 7, 30, 38, 39, 33, 44, 58, 73, 93, 98, 87, 105},       /* N_Virginia */
    {7, 0, 38, 39, 29, 35, 46, 63, 70, 94, 97, 85, 103},       /* Canada */
    {30, 39, 0, 68, 10, 68, 75, 88, 54, 116, 69, 67, 86},      /* N_California */
    {38, 39, 68, 0, 63, 5, 8, 94, 104, 56, 131, 118, 82},      /* London */
    {39, 29, 10, 63, 0, 59, 68, 88, 49, 109, 69, 63, 84},      /* Oregon */
    {33, 35, 68, 5, 59, 0, 13, 88, 100, 61, 127, 114, 90},     /* Ireland */
    {44, 46, 75, 8, 68, 13, 0, 101, 111, 60, 143, 109, 77},    /* Frankfurt */
    {58, 63, 88, 94, 88, 89, 101, 0, 128, 151, 155, 142, 161}, /* S_Paulo */
    {73, 70, 54, 104, 49, 100, 111, 128, 0, 60, 57, 16, 39},   /* Tokyo */
    {93, 94, 116, 56, 109, 61, 60, 151, 60, 0, 76, 57, 27},    /* Mumbai */
    {98, 97, 69, 131, 69, 127, 143, 155, 57, 76, 0, 69, 45},   /* Sydney */
    {87, 84, 67, 118, 63, 114, 109, 142, 17, 57, 69, 0, 36},   /* Seoul */
    {105, 103, 86, 82, 81, 90, 77, 161, 39, 27, 45, 36, 0},    /* Singapore */
};
