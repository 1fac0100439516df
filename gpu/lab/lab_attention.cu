/* SPDX-License-Identifier: Apache-2.0
 * Ladder of attention from a paged cache, one token a sequence, grouped queries.
 *   1  a thread an output element: everything read again by each
 *   2  a block a head: scores in shared memory, once
 *   3  the engine's: a block a KV head and 256 tokens of context, keys 16 bytes at a time, parts
 *      joined in order
 *   4  the engine's tiles of queries, given tiles of one: what prompts go through */
#include "gpu/lab/lab.cuh"

enum { SEQS = 16, CONTEXT = 4096, HEADS = 32, KV_HEADS = 8, DIM = 128, BLOCK = 16, LONGEST = 4096 };
enum {
    WIDTH = (HEADS + 2 * KV_HEADS) * DIM,
    BLOCKS = SEQS * CONTEXT / BLOCK,
    GROUP = HEADS / KV_HEADS
};

static __device__ const bf16 *token_of(const struct cuda_attention &a, const bf16 *cache, int seq,
                                       int token, int kv_head)
{
    int64_t block = a.table[seq * a.shape.table_width + token / BLOCK];
    return cache + ((block * KV_HEADS + kv_head) * BLOCK + token % BLOCK) * DIM;
}

static __device__ float score(const struct cuda_attention &a, int seq, int head, int token)
{
    const bf16 *key = token_of(a, a.keys, seq, token, head / GROUP);
    const bf16 *query = a.qkv + static_cast<int64_t>(seq) * WIDTH + head * DIM;
    float sum = 0.0f;
    for (int i = 0; i < DIM; i++)
        sum = fmaf(__bfloat162float(query[i]), __bfloat162float(key[i]), sum);
    return sum * rsqrtf(DIM);
}

static __global__ void by_element(struct cuda_attention a)
{
    int seq = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y);
    float top = -INFINITY, sum = 0.0f, mixed = 0.0f;
    for (int t = 0; t < CONTEXT; t++)
        top = fmaxf(top, score(a, seq, head, t));
    for (int t = 0; t < CONTEXT; t++) {
        float share = __expf(score(a, seq, head, t) - top);
        sum += share;
        mixed =
            fmaf(share, __bfloat162float(token_of(a, a.values, seq, t, head / GROUP)[threadIdx.x]),
                 mixed);
    }
    a.out[(seq * HEADS + head) * DIM + threadIdx.x] = __float2bfloat16_rn(mixed / sum);
}

static __global__ void by_head(struct cuda_attention a)
{
    __shared__ float shares[LONGEST];
    int seq = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y);
    float top = -INFINITY, sum = 0.0f, mixed = 0.0f;
    for (int t = static_cast<int>(threadIdx.x); t < CONTEXT; t += DIM)
        shares[t] = score(a, seq, head, t);
    __syncthreads();
    for (int t = 0; t < CONTEXT; t++)
        top = fmaxf(top, shares[t]);
    for (int t = 0; t < CONTEXT; t++) {
        float share = __expf(shares[t] - top);
        sum += share;
        mixed =
            fmaf(share, __bfloat162float(token_of(a, a.values, seq, t, head / GROUP)[threadIdx.x]),
                 mixed);
    }
    a.out[(seq * HEADS + head) * DIM + threadIdx.x] = __float2bfloat16_rn(mixed / sum);
}

static std::vector<double> reference(const std::vector<bf16> &qkv, const std::vector<bf16> &keys,
                                     const std::vector<bf16> &values,
                                     const std::vector<int32_t> &table)
{
    std::vector<double> want(SEQS * HEADS * DIM), shares(CONTEXT);
    for (int s = 0; s < SEQS; s++)
        for (int h = 0; h < HEADS; h++) {
            double sum = 0.0;
            auto at = [&](int t) {
                int64_t block = table[s * (CONTEXT / BLOCK) + t / BLOCK];
                return ((block * KV_HEADS + h / GROUP) * BLOCK + t % BLOCK) * DIM;
            };
            for (int t = 0; t < CONTEXT; t++) {
                double dot = 0.0;
                for (int i = 0; i < DIM; i++)
                    dot += lab_value(qkv[s * WIDTH + h * DIM + i]) * lab_value(keys[at(t) + i]);
                sum += shares[t] = std::exp(dot / std::sqrt(static_cast<double>(DIM)));
            }
            for (int t = 0; t < CONTEXT; t++)
                for (int i = 0; i < DIM; i++)
                    want[(s * HEADS + h) * DIM + i] +=
                        shares[t] / sum * lab_value(values[at(t) + i]);
        }
    return want;
}

int main()
{
    static const char *const names[] = {"", "1 a thread an element", "2 a block a head",
                                        "3 engine, rows", "4 engine, tiles of one"};
    lab_open();
    size_t cache = static_cast<size_t>(BLOCKS) * KV_HEADS * BLOCK * DIM;
    std::vector<bf16> qkv = lab_bf16(lab_random(SEQS * WIDTH, 2.0f, 1));
    std::vector<bf16> keys = lab_bf16(lab_random(cache, 1.0f, 2));
    std::vector<bf16> values = lab_bf16(lab_random(cache, 1.0f, 3));
    std::vector<int32_t> table(BLOCKS), singles(SEQS);
    std::vector<struct cuda_row> rows(SEQS);
    std::vector<struct cuda_tile> tiles(SEQS);
    for (int i = 0; i < BLOCKS; i++) /* 2,741 is prime to the number of blocks */
        table[i] = static_cast<int32_t>(i * 2741LL % BLOCKS);
    for (int i = 0; i < SEQS; i++) {
        rows[i] = {0, CONTEXT - 1, i, 0, 0};
        tiles[i] = {i, 1};
        singles[i] = i;
    }
    struct cuda_attention a = {};
    int32_t splits = (CONTEXT + CUDA_SPLIT - 1) / CUDA_SPLIT;
    a.shape.hidden = HEADS * DIM;
    a.shape.heads = HEADS;
    a.shape.kv_heads = KV_HEADS;
    a.shape.head_dim = DIM;
    a.shape.block_tok = BLOCK;
    a.shape.table_width = CONTEXT / BLOCK;
    a.shape.blocks = BLOCKS;
    a.rows = lab_upload(rows);
    a.table = lab_upload(table);
    a.qkv = lab_upload(qkv);
    a.keys = lab_upload(keys);
    a.values = lab_upload(values);
    a.out = lab_upload(std::vector<bf16>(SEQS * HEADS * DIM));
    a.partial =
        lab_upload(std::vector<float>(static_cast<size_t>(SEQS * HEADS * splits * (DIM + 2))));
    const int32_t *device_singles = lab_upload(singles);
    const struct cuda_tile *device_tiles = lab_upload(tiles);
    auto run = [&](int version) {
        if (version == 1) by_element<<<dim3(SEQS, HEADS), DIM>>>(a);
        if (version == 2) by_head<<<dim3(SEQS, HEADS), DIM>>>(a);
        if (version == 3) attention_cuda_singles(nullptr, &a, device_singles, SEQS, splits, SEQS);
        if (version == 4) attention_cuda_tiles(nullptr, &a, device_tiles, SEQS);
    };
    std::vector<double> want = reference(qkv, keys, values, table);
    double bytes = 2.0 * SEQS * CONTEXT * KV_HEADS * DIM * 2;
    for (int v = 1; v <= 4; v++) {
        run(v);
        /* Shares are rounded in fp32 and sum to 1, so a value of size 1 is off by some 4,096 x
         * 2^-24 at the very most; then half a unit of bf16. */
        lab_check(names[v], lab_download(a.out, want.size()), want, 0x1p-8, 4096 * 0x1p-24);
        lab_time(names[v], bytes, [&] { run(v); });
    }
    return 0;
}
