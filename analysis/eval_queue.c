/* SPDX-License-Identifier: Apache-2.0
 * Queues, batches and quorums in closed form.
 *
 * The anchors of the serving, facilitator and consensus models: M/M/c by Erlang's C, M/G/1 by
 * Pollaczek and Khinchine, the wait for a batch to fill, and the moments of the k-th of n replies
 * (a quorum).  Times in the unit of the rates. */
#include "analysis/eval.h"

enum { MMC_SERVERS, MMC_ARRIVAL, MMC_SERVICE };

/* Erlang's B by its recursion over servers, which only adds and multiplies positive numbers below
 * 1, so it loses no digits at any size; then C = c B / (c - a + a B), a = arrival / service. */
static bool queue_mmc(struct eval_call *call)
{
    int64_t servers = (int64_t)call->in[MMC_SERVERS].amount;
    double arrival = call->in[MMC_ARRIVAL].real, service = call->in[MMC_SERVICE].real;
    double capacity = (double)servers * service, load = arrival / service;
    if (!(arrival < capacity))
        return eval_refuse(call, "arrival_rate",
                           "%.17g is not below servers x service_rate = %.17g: the queue grows "
                           "without end",
                           arrival, capacity);
    double blocked = 1;
    for (int64_t k = 1; k <= servers && blocked > 0; k++)
        blocked = load * blocked / ((double)k + load * blocked);
    double all = (double)servers;
    double wait = all * blocked / (all - load + load * blocked);
    call->out[0] = eval_real(wait);
    call->out[1] = eval_real(wait / (capacity - arrival));
    return true;
}

enum { MG1_ARRIVAL, MG1_SERVICE, MG1_CV2 };

static bool queue_mg1(struct eval_call *call)
{
    double arrival = call->in[MG1_ARRIVAL].real, service = call->in[MG1_SERVICE].real;
    double use = arrival * service;
    if (!(use < 1))
        return eval_refuse(call, "arrival_rate",
                           "arrival_rate x service_s = %.17g is not below 1: the queue grows "
                           "without end",
                           use);
    double second_moment = service * service * (1 + call->in[MG1_CV2].real);
    call->out[0] = eval_real(arrival * second_moment / (2 * (1 - use)));
    return true;
}

/* Of a batch of B the i-th to come waits for B - i more arrivals. */
static bool batch_wait(struct eval_call *call)
{
    double size = money_real(call->in[0].amount, 0);
    call->out[0] = eval_real((size - 1) / (2 * call->in[1].real));
    return true;
}

/* The spacings of exponential order statistics are independent exponentials of mean 1/(n-j). */
static void exponential_moments(int64_t n, int64_t k, double *mean, double *variance)
{
    *mean = *variance = 0;
    for (int64_t j = n; j > n - k; j--) {
        *mean += 1 / (double)j;
        *variance += 1 / ((double)j * (double)j);
    }
}

/* The k-th of n uniforms is Beta(k, n + 1 - k). */
static void uniform_moments(int64_t n, int64_t k, double *mean, double *variance)
{
    double a = (double)k, b = (double)(n + 1 - k), sum = a + b;
    *mean = a / sum;
    *variance = a * b / (sum * sum * (sum + 1));
}

static const char *const distributions[] = {"exponential", "uniform", NULL};

static bool order_statistic(struct eval_call *call)
{
    int64_t n = (int64_t)call->in[1].amount, k = (int64_t)call->in[2].amount;
    double mean = 0, variance = 0;
    if (k > n)
        return eval_refuse(call, "k", "%lld is more than n = %lld", (long long)k, (long long)n);
    if (call->in[0].choice == 0)
        exponential_moments(n, k, &mean, &variance);
    else
        uniform_moments(n, k, &mean, &variance);
    call->out[0] = eval_real(mean);
    call->out[1] = eval_real(variance);
    return true;
}

static const struct eval_function functions[] = {
    {"queue-mmc",
     "Wait in a queue with Poisson arrivals and c exponential servers (Erlang C)",
     queue_mmc,
     {{"servers", EVAL_INTEGER, NULL, "1", "10000000", NULL, "servers working in parallel"},
      {"arrival_rate", EVAL_REAL, NULL, "0", NULL, NULL, "arrivals per second"},
      {"service_rate", EVAL_REAL, NULL, ">0", NULL, NULL, "completions per second and server"}},
     {{"wait_probability", "share of arrivals that find all servers busy"},
      {"mean_wait_s", "mean time before service starts, over all arrivals"}}},
    {"queue-mg1",
     "Mean wait in a queue with Poisson arrivals and one server of any distribution",
     queue_mg1,
     {{"arrival_rate", EVAL_REAL, NULL, "0", NULL, NULL, "arrivals per second"},
      {"service_s", EVAL_REAL, NULL, ">0", NULL, NULL, "mean service time"},
      {"cv2", EVAL_REAL, NULL, "0", NULL, NULL,
       "variance of the service time over its mean squared"}},
     {{"mean_wait_s", "mean time before service starts (Pollaczek-Khinchine)"}}},
    {"batch-wait",
     "Mean wait of an item for its batch to fill, no timer binding",
     batch_wait,
     {{"batch_size", EVAL_INTEGER, NULL, "1", "1000000000", NULL, "items in a batch"},
      {"rate_per_s", EVAL_REAL, NULL, ">0", NULL, NULL, "items arriving per second"}},
     {{"mean_wait_s", "mean over the items of a batch"}}},
    {"order-statistic",
     "Moments of the k-th smallest of n independent delays (k replies of n make a quorum)",
     order_statistic,
     {{"distribution", EVAL_NAME, NULL, NULL, NULL, distributions,
       "of one delay: exponential of mean 1, uniform on 0 to 1"},
      {"n", EVAL_INTEGER, NULL, "1", "10000000", NULL, "delays drawn"},
      {"k", EVAL_INTEGER, NULL, "1", "10000000", NULL, "which one, from the smallest"}},
     {{"mean", "expected value"}, {"variance", "variance"}}},
};

const struct eval_table eval_queue_table = {functions, sizeof functions / sizeof functions[0]};
