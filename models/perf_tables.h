/* SPDX-License-Identifier: Apache-2.0
 * Timing tables: measured (or modelled) operation times, as they are published.  A folder, or one
 * file of op tables.
 *
 *   op tables     any *.csv of the folder whose columns are those of
 *                   m,n,k,ms                                                    GEMM
 *                   num_heads,num_kv_heads,batch_size,isl,step,ms               attention
 *                   hidden_size,inter_size,topk,num_experts,moe_tp_size,moe_ep_size,distribution,
 *                   num_tokens,ms                                               experts
 *                   num_gpus,backend,message_size,ms                            all-reduce
 *                 (aiconfigurator), or of our own format:
 *                   op,m,n,k,batch,seq,kv,heads,kv_heads,time_ns
 *                 where op is gemm, attn_prefill or attn_decode, cells that an op does not need
 *                 are empty, and comments above the header say
 *                   # source: measured        (or modelled)
 *                   # device: ...   # driver: ...   # date: ...   # commit: ...   # dtype: bf16
 *   profile       dense.csv, per_sequence.csv, attention.csv, moe.csv, skew_fit.csv of one model
 *                 (LLMServingSim), in the folder itself or in a tp<N> below it; moe.csv, which is
 *                 made on one GPU, may stand in tp1.  A meta.yaml that says `skew_fit: enabled:
 *                 false` takes skew_fit.csv out of use
 *
 * A folder may hold the tables of several cards and models: the profile that the names of folders
 * say to be of the card and model asked for is taken, wherever it lies below, before op tables; op
 * tables whose names say another card are left out (perf_find.h).
 *
 * Columns may stand in any order, and further ones are ignored.  The unit of time is in the name of
 * its column: ns, us, ms, time_ns, time_us, time_ms.  A file meta.yaml beside the tables or one
 * folder up may say where they come from (gpu, vllm_version, profiled_at, ...).
 *
 * Errors, with file and line: missing columns, other units, times that are not positive, cells that
 * are no numbers, times so far from what the card can do that their unit must be another.
 * Warnings, kept with the tables: rows faster than the card's peak or two hundred times slower than
 * its roofline, keys that came repeatedly, gaps, files that do not apply or are left out, another
 * device. */
#ifndef HACASIM_MODELS_PERF_TABLES_H
#define HACASIM_MODELS_PERF_TABLES_H

#include "models/perf_kernel.h"
#include "models/perf_points.h"

enum {
    PERF_LAYERS = 24,         /* kinds of layer in a profile */
    PERF_TABLE_WARNINGS = 24, /* kept with their words */
    PERF_TABLE_FILES = 256,
};

/* One kind of layer of a profile: time against tokens (or sequences). */
struct perf_layer {
    const char *name;
    struct perf_points points;
};

/* How much slower a decode batch of unequal contexts is, as a share of the way from a uniform batch
 * at the mean context to one at the largest; by bucket.  A bucket holds values up to its edge. */
struct perf_skew_bucket {
    int64_t chunk, seqs, rate_percent, context, history; /* edges */
    double alpha;                                        /* 0 to 1 */
};
struct perf_skew {
    struct perf_skew_bucket *buckets; /* sorted */
    uint32_t count;
    bool off;    /* the profile says that it is not to be used */
    bool stated; /* pooled is the profile's own */
    double
        pooled; /* for batches in no bucket: as meta.yaml says (`alpha_default`), else the median */
};

struct perf_tables {
    const char *folder;
    bool profile, modelled;
    enum perf_dtype dtype;
    int32_t tp; /* of a profile */
    struct perf_points ops[PERF_OPS];
    /* of a profile */
    struct perf_layer dense[PERF_LAYERS], sequence[PERF_LAYERS];
    uint32_t dense_count, sequence_count;
    bool mixed_keys; /* attention stands against keys per prompt token instead of history */
    struct perf_points experts; /* GPUs that share the experts, activated experts, tokens */
    struct perf_skew skew;
    /* where they come from; NULL: not stated */
    const char *device, *driver, *date, *commit, *engine, *model;
    uint32_t opened, files, rows;        /* files: of those opened, the ones that apply */
    const char *paths[PERF_TABLE_FILES]; /* of those opened */
    uint64_t digest;                     /* of their bytes, by which a resumed run knows them */
    const char *warnings[PERF_TABLE_WARNINGS];
    uint32_t warning_count, above_peak, slow, repeated, gaps;
};

struct perf_tables_ask {
    const char *folder;                   /* or one file */
    const struct perf_hardware *hardware; /* peaks to check against */
    const struct perf_model *model;       /* that a profile should be of; NULL: any */
    enum perf_dtype dtype;                /* tables of another format of weights do not apply */
    int32_t tp;                           /* which tp<N> of a profile */
    const char *run_hardware, *run_model; /* as a run names them; NULL: no run asks */
    bool profile;                         /* op tables will not do */
    struct diag_where where;              /* who names the folder, for findings about it */
    const char *key;
};

/* NULL when there is any finding. */
const struct perf_tables *perf_tables_load(const struct perf_tables_ask *ask, struct arena *arena,
                                           struct diag *diag);
/* One file of op tables, already open; closes it.  For fuzzing and tests. */
const struct perf_tables *perf_tables_read(FILE *file, const char *path,
                                           const struct perf_tables_ask *ask, struct arena *arena,
                                           struct diag *diag);

/* "measured, NVIDIA GeForce RTX 4090, vLLM 0.19.0, 2026-08-17 (DIR: 5 files, 14079 rows)" */
const char *perf_tables_text(const struct perf_tables *tables, struct arena *arena);

/* For the readers. */
void perf_tables_warn(struct perf_tables *tables, struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void perf_tables_define(struct perf_points *points, enum perf_op op);

#endif
