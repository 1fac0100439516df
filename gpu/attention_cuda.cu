/* SPDX-License-Identifier: Apache-2.0
 * Rotary embedding, the paged KV cache and attention on the device.
 *
 * Rows one by one (decoding): a block attends for all query heads of one KV head to CUDA_SPLIT
 * tokens, so that keys and values are read once and a long context keeps many blocks busy; a second
 * kernel joins the parts in their order.  The parts do not hang on the batch.
 * Tiles (prompts): CUDA_TILE queries of one head share the keys and values that they load, with a
 * running maximum (Milakov and Gimelshein 2018, Dao et al. 2022). */
#include "gpu/infer_cuda.cuh"
#include "gpu/reduce_cuda.cuh"

enum { THREADS = 128, KEY_LANES = 8, TILE_KEYS = 32 };

/* ---- place ---------------------------------------------------------------------------------- */

static __device__ int64_t element_of(const struct cuda_shape &s, int32_t block, int32_t head,
                                     int32_t place)
{
    return ((static_cast<int64_t>(block) * s.kv_heads + head) * s.block_tok + place) * s.head_dim;
}

/* One head of one row: norm, turn, and for keys and values a copy to their block. */
static __global__ void place_heads(struct cuda_attention a)
{
    const struct cuda_shape &s = a.shape;
    const struct cuda_row row = a.rows[blockIdx.x];
    int32_t head = static_cast<int32_t>(blockIdx.y), half = s.head_dim / 2;
    int32_t i = static_cast<int32_t>(threadIdx.x), key = head - s.heads, value = key - s.kv_heads;
    int64_t width = static_cast<int64_t>(s.heads + 2 * s.kv_heads) * s.head_dim;
    bf16 *from = a.qkv + blockIdx.x * width + static_cast<int64_t>(head) * s.head_dim;
    float x = i < half ? __bfloat162float(from[i]) : 0.0f;
    float y = i < half ? __bfloat162float(from[i + half]) : 0.0f;
    const float *norm = key < 0 ? a.norm_query : a.norm_key;
    if (value < 0 && norm != nullptr) { /* the same for all threads of the block */
        float squares = reduce_block_sum(fmaf(x, x, y * y));
        float scale = rsqrtf(squares / static_cast<float>(s.head_dim) + s.norm_eps);
        x *= i < half ? scale * norm[i] : 0.0f;
        y *= i < half ? scale * norm[i + half] : 0.0f;
    }
    if (i >= half) return;
    if (value < 0) {
        float c = a.cosine[static_cast<int64_t>(row.position) * half + i];
        float d = a.sine[static_cast<int64_t>(row.position) * half + i];
        float turned = fmaf(x, c, -y * d);
        y = fmaf(y, c, x * d);
        x = turned;
    }
    bf16 *to = key < 0     ? from
               : value < 0 ? a.keys + element_of(s, row.block, key, row.place)
                           : a.values + element_of(s, row.block, value, row.place);
    to[i] = __float2bfloat16_rn(x);
    to[i + half] = __float2bfloat16_rn(y);
}

void attention_cuda_place(cudaStream_t stream, const struct cuda_attention *a, int32_t count)
{
    dim3 grid(static_cast<unsigned>(count),
              static_cast<unsigned>(a->shape.heads + 2 * a->shape.kv_heads));
    place_heads<<<grid, THREADS, 0, stream>>>(*a);
}

/* ---- rows one by one ------------------------------------------------------------------------ */

struct part { /* what a block sees */
    const int32_t *table;
    int32_t first, count, kv_head;
};

static __device__ const bf16 *token_of(const struct cuda_shape &s, const struct part &p,
                                       const bf16 *blocks, int32_t token)
{
    int32_t at = p.first + token;
    return blocks + element_of(s, p.table[at / s.block_tok], p.kv_head, at % s.block_tok);
}

static __device__ float dot8(const uint4 &packed, const float *query)
{
    const __nv_bfloat162 *pairs = reinterpret_cast<const __nv_bfloat162 *>(&packed);
    float sum = 0.0f;
    for (int i = 0; i < 4; i++) {
        float2 k = __bfloat1622float2(pairs[i]);
        sum = fmaf(k.x, query[2 * i], sum);
        sum = fmaf(k.y, query[2 * i + 1], sum);
    }
    return sum;
}

/* KEY_LANES lanes a token, 16 bytes of its key at a time. */
template <int GROUP>
static __device__ void score_part(const struct cuda_attention &a, const struct part &p,
                                  int32_t group, const float *queries, float (*scores)[CUDA_SPLIT])
{
    const struct cuda_shape &s = a.shape;
    int32_t lane = static_cast<int32_t>(threadIdx.x) % KEY_LANES;
    float scale = rsqrtf(static_cast<float>(s.head_dim));
    for (int32_t base = 0; base < p.count; base += THREADS / KEY_LANES) {
        int32_t token = base + static_cast<int32_t>(threadIdx.x) / KEY_LANES;
        bool mine = token < p.count; /* all lanes stay for the shuffles */
        const bf16 *key = token_of(s, p, a.keys, mine ? token : 0);
        float sums[GROUP] = {};
        for (int32_t i = 8 * lane; i < s.head_dim; i += 8 * KEY_LANES) {
            uint4 packed = *reinterpret_cast<const uint4 *>(key + i);
#pragma unroll
            for (int g = 0; g < GROUP; g++)
                if (g < group) sums[g] += dot8(packed, queries + g * s.head_dim + i);
        }
#pragma unroll
        for (int g = 0; g < GROUP; g++) {
            float sum = reduce_lanes_sum(sums[g], KEY_LANES);
            if (mine && lane == 0 && g < group) scores[g][token] = sum * scale;
        }
    }
}

/* Scores to exponentials below the part's largest; a warp a head. */
static __device__ void soften_part(int32_t group, int32_t count, float (*scores)[CUDA_SPLIT],
                                   float *highest, float *sums)
{
    int32_t lane = static_cast<int32_t>(threadIdx.x) % 32;
    for (int32_t g = static_cast<int32_t>(threadIdx.x) / 32; g < group; g += THREADS / 32) {
        float top = -INFINITY, sum = 0.0f;
        for (int32_t i = lane; i < count; i += 32)
            top = fmaxf(top, scores[g][i]);
        top = reduce_lanes_max(top, 32);
        for (int32_t i = lane; i < count; i += 32) {
            scores[g][i] = __expf(scores[g][i] - top);
            sum += scores[g][i];
        }
        sum = reduce_lanes_sum(sum, 32);
        if (lane == 0) highest[g] = top;
        if (lane == 0) sums[g] = sum;
    }
}

/* A thread has two columns of the values; teams of threads take every so many tokens. */
template <int GROUP>
static __device__ void mix_part(const struct cuda_attention &a, const struct part &p, int32_t group,
                                const float (*scores)[CUDA_SPLIT], float2 *shared, float *out,
                                int32_t stride)
{
    const struct cuda_shape &s = a.shape;
    int32_t pairs = s.head_dim / 2, teams = THREADS / pairs;
    int32_t pair = static_cast<int32_t>(threadIdx.x) % pairs;
    int32_t team = static_cast<int32_t>(threadIdx.x) / pairs;
    float2 sums[GROUP] = {};
    for (int32_t token = team; team < teams && token < p.count; token += teams) {
        const bf16 *value = token_of(s, p, a.values, token) + 2 * pair;
        float2 v = __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162 *>(value));
#pragma unroll
        for (int g = 0; g < GROUP; g++) {
            if (g >= group) continue;
            sums[g].x = fmaf(scores[g][token], v.x, sums[g].x);
            sums[g].y = fmaf(scores[g][token], v.y, sums[g].y);
        }
    }
#pragma unroll
    for (int g = 0; g < GROUP; g++) { /* teams add up in their order */
        if (g >= group) continue;
        __syncthreads();
        if (team < teams) shared[team * pairs + pair] = sums[g];
        __syncthreads();
        if (team > 0) continue;
        float2 sum = shared[pair];
        for (int32_t t = 1; t < teams; t++) {
            sum.x += shared[t * pairs + pair].x;
            sum.y += shared[t * pairs + pair].y;
        }
        out[g * stride + 2 * pair] = sum.x;
        out[g * stride + 2 * pair + 1] = sum.y;
    }
}

/* Of each head and part: head_dim sums, the largest score, the sum of exponentials. */
static __device__ float *partial_of(const struct cuda_attention &a, int32_t row, int32_t head,
                                    int32_t split, int32_t splits)
{
    int64_t index = (static_cast<int64_t>(row) * a.shape.heads + head) * splits + split;
    return a.partial + index * (a.shape.head_dim + 2);
}

template <int GROUP>
static __global__ void attend_part(struct cuda_attention a, const int32_t *singles, int32_t splits)
{
    extern __shared__ float memory[];
    __shared__ float scores[GROUP][CUDA_SPLIT], highest[GROUP], sums[GROUP];
    __shared__ float2 shared[THREADS];
    const struct cuda_shape &s = a.shape;
    int32_t split = static_cast<int32_t>(blockIdx.x), kv_head = static_cast<int32_t>(blockIdx.y);
    int32_t group = s.heads / s.kv_heads, row = singles[blockIdx.z];
    int32_t context = a.rows[row].position + 1, first = split * CUDA_SPLIT;
    if (first >= context) return;
    struct part p = {a.table + static_cast<int64_t>(a.rows[row].seq) * s.table_width, first,
                     min(context - first, static_cast<int32_t>(CUDA_SPLIT)), kv_head};
    int64_t width = static_cast<int64_t>(s.heads + 2 * s.kv_heads) * s.head_dim;
    const bf16 *query = a.qkv + row * width + static_cast<int64_t>(kv_head) * group * s.head_dim;
    for (int32_t i = static_cast<int32_t>(threadIdx.x); i < group * s.head_dim; i += THREADS)
        memory[i] = __bfloat162float(query[i]);
    __syncthreads();
    score_part<GROUP>(a, p, group, memory, scores);
    __syncthreads();
    soften_part(group, p.count, scores, highest, sums);
    __syncthreads();
    float *out = partial_of(a, static_cast<int32_t>(blockIdx.z), kv_head * group, split, splits);
    int32_t stride = splits * (s.head_dim + 2);
    mix_part<GROUP>(a, p, group, scores, shared, out, stride);
    if (static_cast<int32_t>(threadIdx.x) < group) {
        out[static_cast<int32_t>(threadIdx.x) * stride + s.head_dim] = highest[threadIdx.x];
        out[static_cast<int32_t>(threadIdx.x) * stride + s.head_dim + 1] = sums[threadIdx.x];
    }
}

/* Join the parts of one head of one row, first to last. */
static __global__ void join_parts(struct cuda_attention a, const int32_t *singles, int32_t splits)
{
    const struct cuda_shape &s = a.shape;
    int32_t row = singles[blockIdx.x], head = static_cast<int32_t>(blockIdx.y);
    int32_t used = (a.rows[row].position + CUDA_SPLIT) / CUDA_SPLIT;
    const float *parts = partial_of(a, static_cast<int32_t>(blockIdx.x), head, 0, splits);
    int32_t stride = s.head_dim + 2;
    float top = -INFINITY, sum = 0.0f;
    for (int32_t i = 0; i < used; i++)
        top = fmaxf(top, parts[i * stride + s.head_dim]);
    for (int32_t i = 0; i < used; i++)
        sum = fmaf(__expf(parts[i * stride + s.head_dim] - top), parts[i * stride + s.head_dim + 1],
                   sum);
    bf16 *out = a.out + (static_cast<int64_t>(row) * s.heads + head) * s.head_dim;
    for (int32_t c = static_cast<int32_t>(threadIdx.x); c < s.head_dim; c += THREADS) {
        float mixed = 0.0f;
        for (int32_t i = 0; i < used; i++)
            mixed =
                fmaf(__expf(parts[i * stride + s.head_dim] - top), parts[i * stride + c], mixed);
        out[c] = __float2bfloat16_rn(mixed / sum);
    }
}

template <int GROUP>
static void attend_parts(cudaStream_t stream, const struct cuda_attention *a,
                         const int32_t *singles, int32_t count, int32_t splits)
{
    dim3 grid(static_cast<unsigned>(splits), static_cast<unsigned>(a->shape.kv_heads),
              static_cast<unsigned>(count));
    size_t queries = sizeof(float) * static_cast<size_t>(a->shape.heads / a->shape.kv_heads) *
                     static_cast<size_t>(a->shape.head_dim);
    attend_part<GROUP><<<grid, THREADS, queries, stream>>>(*a, singles, splits);
}

void attention_cuda_singles(cudaStream_t stream, const struct cuda_attention *a,
                            const int32_t *singles, int32_t count, int32_t splits, int32_t piece)
{
    int32_t group = a->shape.heads / a->shape.kv_heads;
    for (int32_t first = 0; first < count; first += piece) {
        int32_t rows = count - first < piece ? count - first : piece;
        if (group == 1)
            attend_parts<1>(stream, a, singles + first, rows, splits);
        else if (group <= 4)
            attend_parts<4>(stream, a, singles + first, rows, splits);
        else if (group <= 8)
            attend_parts<8>(stream, a, singles + first, rows, splits);
        else
            attend_parts<CUDA_GROUP_MAX>(stream, a, singles + first, rows, splits);
        dim3 grid(static_cast<unsigned>(rows), static_cast<unsigned>(a->shape.heads));
        join_parts<<<grid, THREADS, 0, stream>>>(*a, singles + first, splits);
    }
}

/* ---- tiles ---------------------------------------------------------------------------------- */

/* Eight threads a query: each scores every eighth key and owns every eighth column. */
template <int COLUMNS>
static __global__ void attend_tile(struct cuda_attention a, const struct cuda_tile *tiles)
{
    extern __shared__ float memory[];
    __shared__ float shares[CUDA_TILE][TILE_KEYS];
    const struct cuda_shape &s = a.shape;
    const struct cuda_tile tile = tiles[blockIdx.x];
    int32_t head = static_cast<int32_t>(blockIdx.y), kv_head = head / (s.heads / s.kv_heads);
    int32_t query = static_cast<int32_t>(threadIdx.x) / KEY_LANES;
    int32_t lane = static_cast<int32_t>(threadIdx.x) % KEY_LANES;
    int32_t row = tile.first + min(query, tile.count - 1), context = a.rows[row].position + 1;
    int32_t longest = a.rows[tile.first + tile.count - 1].position + 1;
    int64_t width = static_cast<int64_t>(s.heads + 2 * s.kv_heads) * s.head_dim;
    float *queries = memory;
    bf16 *keys = reinterpret_cast<bf16 *>(memory + CUDA_TILE * s.head_dim);
    bf16 *values = keys + TILE_KEYS * (s.head_dim + 2);
    struct part p = {a.table + static_cast<int64_t>(a.rows[row].seq) * s.table_width, 0, longest,
                     kv_head};
    float scale = rsqrtf(static_cast<float>(s.head_dim)), top = -INFINITY, sum = 0.0f;
    float mixed[COLUMNS] = {};
    for (int32_t i = lane; i < s.head_dim; i += KEY_LANES)
        queries[query * s.head_dim + i] =
            scale * __bfloat162float(a.qkv[row * width + head * s.head_dim + i]);
    for (int32_t base = 0; base < longest; base += TILE_KEYS) {
        __syncthreads();
        for (int32_t i = static_cast<int32_t>(threadIdx.x); i < TILE_KEYS * s.head_dim;
             i += THREADS) {
            int32_t token = min(base + i / s.head_dim, longest - 1), c = i % s.head_dim;
            keys[i / s.head_dim * (s.head_dim + 2) + c] = token_of(s, p, a.keys, token)[c];
            values[i] = token_of(s, p, a.values, token)[c];
        }
        __syncthreads();
        float scores[TILE_KEYS / KEY_LANES], now = top;
#pragma unroll
        for (int j = 0; j < TILE_KEYS / KEY_LANES; j++) {
            int32_t key = lane + j * KEY_LANES;
            float dot = 0.0f;
            for (int32_t c = 0; c < s.head_dim; c++)
                dot = fmaf(queries[query * s.head_dim + c],
                           __bfloat162float(keys[key * (s.head_dim + 2) + c]), dot);
            scores[j] = base + key < context ? dot : -INFINITY;
            now = fmaxf(now, scores[j]);
        }
        now = reduce_lanes_max(now, KEY_LANES); /* key 0 is seen by all, so never -INFINITY */
        float fade = __expf(top - now), more = 0.0f;
#pragma unroll
        for (int j = 0; j < TILE_KEYS / KEY_LANES; j++) {
            float share = __expf(scores[j] - now);
            shares[query][lane + j * KEY_LANES] = share;
            more += share;
        }
        sum = fmaf(sum, fade, reduce_lanes_sum(more, KEY_LANES));
        top = now;
        __syncwarp();
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) {
            int32_t c = lane + j * KEY_LANES;
            if (c >= s.head_dim) continue;
            mixed[j] *= fade;
            for (int32_t key = 0; key < TILE_KEYS; key++)
                mixed[j] = fmaf(shares[query][key], __bfloat162float(values[key * s.head_dim + c]),
                                mixed[j]);
        }
    }
    if (query >= tile.count) return;
    bf16 *out = a.out + (static_cast<int64_t>(row) * s.heads + head) * s.head_dim;
#pragma unroll
    for (int j = 0; j < COLUMNS; j++)
        if (lane + j * KEY_LANES < s.head_dim)
            out[lane + j * KEY_LANES] = __float2bfloat16_rn(mixed[j] / sum);
}

template <int COLUMNS>
static void attend_tiles(cudaStream_t stream, const struct cuda_attention *a,
                         const struct cuda_tile *tiles, int32_t count)
{
    size_t width = static_cast<size_t>(a->shape.head_dim);
    size_t bytes = CUDA_TILE * width * sizeof(float) + TILE_KEYS * (2 * width + 2) * sizeof(bf16);
    if (bytes > 40 << 10) /* more than a kernel gets unasked */
        cudaFuncSetAttribute(attend_tile<COLUMNS>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(bytes));
    dim3 grid(static_cast<unsigned>(count), static_cast<unsigned>(a->shape.heads));
    attend_tile<COLUMNS><<<grid, THREADS, bytes, stream>>>(*a, tiles);
}

void attention_cuda_tiles(cudaStream_t stream, const struct cuda_attention *a,
                          const struct cuda_tile *tiles, int32_t count)
{
    if (count == 0) return;
    if (a->shape.head_dim <= 64)
        attend_tiles<8>(stream, a, tiles, count);
    else if (a->shape.head_dim <= 128)
        attend_tiles<16>(stream, a, tiles, count);
    else
        attend_tiles<CUDA_HEAD_MAX / KEY_LANES>(stream, a, tiles, count);
}
