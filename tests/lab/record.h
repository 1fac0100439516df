/* SPDX-License-Identifier: Apache-2.0
 * Put before every source of the models (`-include`) when the recorder is built: their calls to the
 * event list then pass through record.c.  The product itself has no hook. */
#ifndef HACASIM_TESTS_LAB_RECORD_H
#define HACASIM_TESTS_LAB_RECORD_H

#include "sim/event.h"

void record_schedule(struct event_list *list, int64_t time_ns, uint16_t kind, uint32_t entity,
                     uint32_t arg);
struct event_handle record_schedule_cancellable(struct event_list *list, int64_t time_ns,
                                                uint16_t kind, uint32_t entity, uint32_t arg);
bool record_cancel(struct event_list *list, struct event_handle handle);
bool record_next(struct event_list *list, int64_t until_ns, struct event *out);

#ifndef RECORD_ITSELF
#define event_schedule record_schedule
#define event_schedule_cancellable record_schedule_cancellable
#define event_cancel record_cancel
#define event_next record_next
#endif

#endif
