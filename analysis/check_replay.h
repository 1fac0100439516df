/* SPDX-License-Identifier: Apache-2.0
 * How `check` shows the replay of a recorded run: a table for people, an object for programs. */
#ifndef HACASIM_ANALYSIS_CHECK_REPLAY_H
#define HACASIM_ANALYSIS_CHECK_REPLAY_H

#include <stdio.h>

#include "models/models.h"

void check_replay_print(const struct replay_about *about, const struct replay_result *result,
                        struct arena *arena, FILE *out);

/* {scenario, run, tables, requests, engine, times, notes, metrics: {ttft: {mean: {real_s, ...}}}}
 */
struct json_node *check_replay_json(struct json *json, const char *path,
                                    const struct replay_about *about,
                                    const struct replay_result *result);

#endif
