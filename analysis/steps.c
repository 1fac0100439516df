/* SPDX-License-Identifier: Apache-2.0
 * Recording engine steps. */
#include "analysis/steps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/output.h"

void steps_open(struct steps *s, uint32_t reps, struct arena *arena)
{
    if (s->path == NULL) return;
    s->parts = arena_alloc(arena, reps, sizeof *s->parts);
    s->reps = reps;
}

enum status steps_keep(struct steps *s, const struct models_record *record)
{
    if (s->path == NULL || record->steps == NULL || record->replication >= s->reps)
        return STATUS_OK;
    struct steps_text *part = &s->parts[record->replication];
    FILE *out = open_memstream(&part->text, &part->length);
    if (out == NULL) return status_fail(STATUS_OPERATING, "--record: %s", strerror(errno));
    models_steps_write(record->steps, out);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed)
        return status_fail(STATUS_OPERATING, "--record: no memory for the steps");
    return STATUS_OK;
}

enum status steps_write(const struct steps *s, uint32_t reps)
{
    struct output output;
    if (s->path == NULL) return STATUS_OK;
    for (uint32_t r = 0; r < reps; r++)
        if (r >= s->reps || s->parts[r].text == NULL) return STATUS_OK;
    TRY(output_open(&output, s->path), "--record");
    models_steps_header(output.stream);
    for (uint32_t r = 0; r < reps; r++)
        fwrite(s->parts[r].text, 1, s->parts[r].length, output.stream);
    TRY(output_close(&output, STATUS_OK), "--record");
    return STATUS_OK;
}

void steps_close(struct steps *s)
{
    for (uint32_t r = 0; r < s->reps; r++)
        free(s->parts[r].text);
    s->reps = 0;
}
