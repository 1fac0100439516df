/* SPDX-License-Identifier: Apache-2.0
 * What `hacasim calibrate inference` writes: tables in the format that scenarios read
 * (models/perf_tables.h), with where they come from and what they are worth in comments above. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "analysis/calibrate_inference.h"
#include "analysis/output.h"
#include "analysis/version.h"

static const char *backend_name(const struct calibrate_asked *a)
{
    return a->terms.backend == INFER_CPU ? "cpu" : "cuda";
}

static void write_notes(const struct calibrate_asked *a, const struct calibrate_result *r,
                        FILE *out)
{
    char date[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(date, sizeof date, "%Y-%m-%d", gmtime_r(&now, &utc));
    fprintf(out, "# source: measured\n# device: %s\n", r->device);
    if (r->driver != NULL) fprintf(out, "# driver: %s\n", r->driver);
    fprintf(out, "# date: %s\n# commit: %s\n# engine: hacasim %s\n", date, version_commit,
            version_number);
    fprintf(out, "# model: %s\n# dtype: %s\n# backend: %s\n", a->model,
            infer_dtype_names[a->terms.dtype], backend_name(a));
    if (a->terms.backend == INFER_CPU) fprintf(out, "# threads: %d\n", (int)a->terms.threads);
    fprintf(out, "# order: %s\n", a->terms.order == INFER_FAST ? "fast" : "invariant");
    fprintf(out, "# layers on the device: %d of %d; times are of one operation of one layer\n",
            (int)a->terms.shape.layers, (int)a->all_layers);
    fprintf(out,
            "# runs of each point: %u, of which the median; spread: half the distance of the"
            " quartiles over it\n",
            a->repeats);
    fprintf(out, "# held-out error: median %.2f %% over all operations (goal 3 %%)\n",
            100.0 * r->error_median);
    for (uint32_t i = 0; i < r->op_count; i++)
        if (isfinite(r->ops[i].error_median))
            fprintf(out,
                    "# held-out error of %s %d x %d: median %.2f %%, 90 %% of points %.2f %%\n",
                    r->ops[i].name, (int)r->ops[i].k, (int)r->ops[i].n,
                    100.0 * r->ops[i].error_median, 100.0 * r->ops[i].error_p90);
}

static void write_row(const struct calibrate_asked *a, const struct calibrate_op *op,
                      const struct calibrate_point *p, FILE *out)
{
    const struct infer_shape *s = &a->terms.shape;
    long long x = (long long)p->at[0], y = (long long)p->at[1];
    if (strcmp(op->name, "gemm") == 0)
        fprintf(out, "gemm,%lld,%d,%d,,,,,", x, (int)op->n, (int)op->k);
    else if (strcmp(op->name, "attn_prefill") == 0)
        fprintf(out, "attn_prefill,,,,%lld,%lld,,%d,%d", x, y, (int)s->heads, (int)s->kv_heads);
    else if (strcmp(op->name, "attn_decode") == 0)
        fprintf(out, "attn_decode,,,,%lld,,%lld,%d,%d", x, y, (int)s->heads, (int)s->kv_heads);
    else
        fprintf(out, "%d,%d,%d,%d,1,1,balanced,%lld", (int)s->hidden, (int)s->expert_ffn,
                (int)s->active, (int)s->experts, x);
    fprintf(out, ",%.0f,%.4f\n", p->ns, p->spread);
}

/* The format has no place for the width of a head, and its readers take it for 128. */
static bool has_place(const struct calibrate_asked *a, const struct calibrate_op *op)
{
    return a->terms.shape.head_dim == 128 || strncmp(op->name, "attn", 4) != 0;
}

static void write_rows(const struct calibrate_asked *a, const struct calibrate_result *r, bool moe,
                       FILE *out)
{
    for (uint32_t i = 0; i < r->op_count; i++) {
        const struct calibrate_op *op = &r->ops[i];
        if ((strcmp(op->name, "moe") == 0) != moe || !has_place(a, op)) continue;
        for (uint32_t p = 0; p < op->grid.count[0] * op->grid.count[1]; p++)
            if (op->grid.points[p].ns >= 0.5) write_row(a, op, &op->grid.points[p], out);
    }
}

static enum status write_table(const struct calibrate_asked *a, const struct calibrate_result *r,
                               bool moe)
{
    char path[4096];
    struct output output;
    snprintf(path, sizeof path, "%s/%s", a->folder, moe ? "moe.csv" : "ops.csv");
    TRY(output_make_folders(path), "timing table");
    TRY(output_open(&output, path), "timing table");
    write_notes(a, r, output.stream);
    if (a->terms.shape.head_dim != 128)
        fprintf(output.stream,
                "# no attention: heads of %d elements have no place in this format\n",
                (int)a->terms.shape.head_dim);
    if (moe)
        fputs("# experts are those that drawn weights choose; shared ones have no row\n"
              "hidden_size,inter_size,topk,num_experts,moe_tp_size,moe_ep_size,distribution,"
              "num_tokens,time_ns,spread\n",
              output.stream);
    else
        fputs("op,m,n,k,batch,seq,kv,heads,kv_heads,time_ns,spread\n", output.stream);
    write_rows(a, r, moe, output.stream);
    return output_close(&output, STATUS_OK);
}

enum status calibrate_write(const struct calibrate_asked *a, const struct calibrate_result *r)
{
    TRY(write_table(a, r, false), "calibration");
    if (a->terms.shape.experts == 0) return STATUS_OK;
    return write_table(a, r, true);
}

void calibrate_print(const struct calibrate_asked *a, const struct calibrate_result *r)
{
    printf("%s, %s, %s, %d of %d layers\n\n", r->device, a->model,
           infer_dtype_names[a->terms.dtype], (int)a->terms.shape.layers, (int)a->all_layers);
    printf("%-14s %8s %8s %8s %16s %10s\n", "operation", "k", "n", "points", "held-out median",
           "p90");
    for (uint32_t i = 0; i < r->op_count; i++) {
        const struct calibrate_op *op = &r->ops[i];
        printf("%-14s %8d %8d %8u ", op->name, (int)op->k, (int)op->n,
               op->grid.count[0] * op->grid.count[1]);
        if (isfinite(op->error_median))
            printf("%14.2f %% %8.2f %%\n", 100.0 * op->error_median, 100.0 * op->error_p90);
        else
            printf("%16s\n", "no point left");
    }
    printf("%-14s %8s %8s %8s %14.2f %%\n\n", "all", "", "", "", 100.0 * r->error_median);
    printf("whole steps at points of no table\n%9s %9s %9s %12s %14s %9s\n", "sequences",
           "new each", "context", "measured", "operations", "beside");
    for (uint32_t i = 0; i < r->step_count; i++) {
        const struct calibrate_step *s = &r->steps[i];
        printf("%9d %9d %9d %9.3f ms %11.3f ms %7.1f %%\n", (int)s->seqs, (int)s->chunk,
               (int)s->context, s->measured_ns / 1e6, s->predicted_ns / 1e6,
               100.0 * (s->measured_ns / s->predicted_ns - 1.0));
    }
    printf("(beside: norms, activations, embedding, choosing tokens, and what interpolation "
           "errs)\n\n");
}
