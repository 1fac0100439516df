/* SPDX-License-Identifier: Apache-2.0
 * Internal to `hacasim calibrate inference`: what is measured and what came out. */
#ifndef HACASIM_ANALYSIS_CALIBRATE_INFERENCE_H
#define HACASIM_ANALYSIS_CALIBRATE_INFERENCE_H

#include "analysis/calibrate.h"
#include "gpu/gpu.h"

enum { CALIBRATE_OPS = 8, CALIBRATE_STEPS = 10 };

struct calibrate_asked {
    const char *model, *folder; /* model: name of the catalog, or the text of --shape */
    struct infer_terms terms;
    int32_t all_layers; /* of the model; terms.shape.layers of them are on the device */
    int64_t tokens_max, batch_max, context_max, kv_tok_max; /* ranges of the sweep */
    uint32_t repeats, held_out;
    double target;
};

/* One operation, its grid and its error at points that the grid does not hold. */
struct calibrate_op {
    const char *name; /* of the table: gemm, attn_prefill, attn_decode, moe */
    int32_t n, k;     /* gemm */
    double calls;     /* in a step: layers that have it */
    bool sampled;     /* gemm of the head: once for each sequence that gets a token */
    struct calibrate_grid grid;
    double error_median, error_p90; /* NaN: no point was left to hold out */
};

/* A whole step, measured, and the sum of its operations out of the table. */
struct calibrate_step {
    int32_t seqs, chunk, context;
    double measured_ns, predicted_ns;
};

struct calibrate_result {
    struct calibrate_op ops[CALIBRATE_OPS];
    uint32_t op_count;
    struct calibrate_step steps[CALIBRATE_STEPS];
    uint32_t step_count;
    double error_median; /* over all held-out points */
    const char *device, *driver;
};

/* Sweep; says on standard error what it is at. */
enum status calibrate_sweep(const struct calibrate_asked *asked, struct infer *engine,
                            struct arena *arena, struct calibrate_result *result);
/* ops.csv, and moe.csv of a model with experts, in asked->folder; a summary on standard output. */
enum status calibrate_write(const struct calibrate_asked *asked,
                            const struct calibrate_result *result);
void calibrate_print(const struct calibrate_asked *asked, const struct calibrate_result *result);

#endif
