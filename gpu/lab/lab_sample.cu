/* SPDX-License-Identifier: Apache-2.0
 * Ladder of choosing tokens.
 *   1  a thread a row
 *   2  the engine's: a block a row, a Philox block for two tokens, a tree of maxima
 * Both must choose what the CPU chooses, exactly: the scores are the same doubles. */
#include "gpu/lab/lab.cuh"
#include "gpu/sample.h"

enum { SEQS = 32, VOCAB = 128256 };

static __global__ void one_thread(const float *logits, const struct cuda_sample *samples,
                                  struct cuda_chosen *chosen)
{
    const struct cuda_sample c = samples[blockIdx.x];
    const float *row = logits + static_cast<int64_t>(blockIdx.x) * VOCAB;
    struct rng_stream s = sample_stream(c.seed, c.stream, c.position);
    double most = -INFINITY;
    for (int32_t i = 0; i < VOCAB; i++) {
        double score = c.temperature > 0.0f ? sample_score(&s, row[i], c.temperature) : row[i];
        if (score <= most) continue;
        most = score;
        chosen[blockIdx.x] = {i, row[i]};
    }
}

int main()
{
    static const char *const names[] = {"", "1 a thread a row", "2 engine"};
    lab_open();
    std::vector<float> logits = lab_random(static_cast<size_t>(SEQS) * VOCAB, 9.0f, 1);
    std::vector<struct cuda_sample> samples(SEQS);
    std::vector<double> want(SEQS);
    for (int s = 0; s < SEQS; s++) {
        samples[s] = {s, 100 + s, static_cast<uint32_t>(s), s % 2 ? 0.8f : 0.0f, 7};
        struct infer_chunk c = {};
        c.temperature = samples[s].temperature;
        c.seed = samples[s].seed;
        c.stream = samples[s].stream;
        want[s] =
            infer_choose(&logits[static_cast<size_t>(s) * VOCAB], VOCAB, &c, samples[s].position);
    }
    const float *device_logits = lab_upload(logits);
    const struct cuda_sample *device_samples = lab_upload(samples);
    struct cuda_chosen *chosen = lab_upload(std::vector<struct cuda_chosen>(SEQS));
    auto run = [&](int version) {
        if (version == 1) one_thread<<<SEQS, 1>>>(device_logits, device_samples, chosen);
        if (version == 2)
            sample_cuda_choose(nullptr, device_logits, VOCAB, device_samples, SEQS, chosen);
    };
    for (int v = 1; v <= 2; v++) {
        std::vector<float> got;
        run(v);
        for (const struct cuda_chosen &c : lab_download(chosen, SEQS))
            got.push_back(static_cast<float>(c.token));
        lab_check(names[v], got, want, 0.0, 0.5);
        lab_time(names[v], 4.0 * SEQS * VOCAB, [&] { run(v); });
    }
    return 0;
}
