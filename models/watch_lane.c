/* SPDX-License-Identifier: Apache-2.0
 * The lanes of requests in a trace: async slices, paired by category and request number.
 *
 * In the group `requests` a request shows its way: class of its user > request N > to its node, at
 * the node, answer on its way, and then its gap until the proof ended.  The outermost name is the
 * same for a whole class, because viewers put async slices of one name into one block of lanes.
 * Under its node it shows what the engine did with it: queued, prefill, decode.  That part is
 * written when the answer arrives, because only then the time of the first token is known.
 *
 * An arrow leaves the step of the node that finished the answer, and ends in the block that settled
 * or verified it. */
#include <inttypes.h>

#include "models/watch_internal.h"

static struct watch_slot *watch_lane_slot(struct world *w, uint32_t slot)
{
    struct watch *watch = w->watch;
    if (slot >= watch->slot_count) {
        uint32_t capacity = w->requests.capacity;
        watch->slots =
            arena_grow(w->arena, watch->slots, watch->slot_count, capacity, sizeof *watch->slots);
        watch->slot_count = capacity;
    }
    return &watch->slots[slot];
}

/* ---- the way of a request -------------------------------------------------------------------- */

static void watch_lane_put(struct world *w, const struct request *r, const char *phase,
                           int64_t at_ns, const char *name, const char *arguments)
{
    watch_emit_record(&w->watch->emit,
                      "\"ph\":\"%s\",\"cat\":\"request\",\"id\":\"0x%" PRIx32
                      "\",\"pid\":%u,\"tid\":%u,\"ts\":" WATCH_US ",\"name\":\"%s\",\"args\":{%s}",
                      phase, r->id, WATCH_PID_REQUESTS, WATCH_TID_MAIN, WATCH_US_OF(at_ns), name,
                      arguments);
}

static void watch_lane_stage_end(struct world *w, uint32_t slot, int64_t at_ns)
{
    struct watch_slot *s = watch_lane_slot(w, slot);
    if (s->stage) watch_lane_put(w, world_request(w, slot), "e", at_ns, s->stage, "");
    s->stage = NULL;
}

static void watch_lane_stage(struct world *w, uint32_t slot, int64_t at_ns, const char *name)
{
    struct watch_slot *s = watch_lane_slot(w, slot);
    if (!s->lane || !watch_emit_room(&w->watch->emit, 2)) return;
    s->stage = name;
    watch_lane_put(w, world_request(w, slot), "b", at_ns, name, "");
}

static bool watch_lane_wanted(const struct world *w, const struct request *r)
{
    const struct watch_filter *f = w->watch->filter;
    return (f->tracks >> WATCH_REQUESTS & 1) && f->validators.count == 0 &&
           watch_set_has(&f->requests, r->id) && watch_set_has(&f->nodes, r->node);
}

/* Both names, and their ends. */
static void watch_lane_begin(struct world *w, uint32_t slot)
{
    struct watch_slot *s = watch_lane_slot(w, slot);
    const struct request *r = world_request(w, slot);
    char name[32], arguments[320], value[MONEY_TEXT];
    *s = (struct watch_slot){.at_node_ns = -1, .admitted_ns = -1};
    if (!watch_lane_wanted(w, r) || !watch_emit_room(&w->watch->emit, 4)) return;
    s->lane = true;
    snprintf(name, sizeof name, "request %" PRIu32, r->id);
    snprintf(arguments, sizeof arguments,
             "\"user\":%" PRIu32 ",\"region\":\"%s\",\"prompt_tok\":%" PRIu32
             ",\"output_tok\":%" PRIu32 ",\"value_usd\":%s",
             r->user, net_region_name(r->region), r->prompt_tok, r->output_tok,
             money_print(value, r->value_nano, 9));
    watch_lane_put(w, r, "b", r->arrived_ns, w->watch->user_names[r->class], "");
    watch_lane_put(w, r, "b", r->arrived_ns, name, arguments);
    watch_lane_stage(w, slot, r->arrived_ns,
                     w->design->on_chain ? "waiting for a block" : "to its node");
}

static void watch_lane_end(struct world *w, uint32_t slot, int64_t at_ns)
{
    struct watch_slot *s = watch_lane_slot(w, slot);
    const struct request *r = world_request(w, slot);
    char name[32], arguments[200];
    if (!s->lane) return;
    watch_lane_stage_end(w, slot, at_ns);
    s->lane = false;
    snprintf(name, sizeof name, "request %" PRIu32, r->id);
    int used = snprintf(arguments, sizeof arguments,
                        "\"state\":\"%s\",\"proof\":\"%s\",\"cheated\":%s,\"retries\":%u",
                        watch_state_names[r->state], watch_proof_names[r->proof],
                        r->cheated ? "true" : "false", r->attempt);
    if (r->node < w->node_count)
        used += snprintf(arguments + used, sizeof arguments - (size_t)used, ",\"node\":%" PRIu32,
                         r->node);
    if (w->watch->event->kind == EV_COMMIT && r->proof > PROOF_PENDING)
        snprintf(arguments + used, sizeof arguments - (size_t)used, ",\"block\":%" PRIu64,
                 w->block.height);
    watch_lane_put(w, r, "e", at_ns, name, arguments);
    watch_lane_put(w, r, "e", at_ns, w->watch->user_names[r->class], "");
}

/* ---- in the engine --------------------------------------------------------------------------- */

static void watch_lane_serving(struct world *w, const struct request *r, const char *phase,
                               int64_t at_ns, const char *name)
{
    watch_emit_record(&w->watch->emit,
                      "\"ph\":\"%s\",\"cat\":\"serving\",\"id\":\"0x%" PRIx32
                      "\",\"pid\":%u,\"tid\":%u,\"ts\":" WATCH_US ",\"name\":\"%s\"",
                      phase, r->id, WATCH_PID_NODES + r->node, WATCH_TID_MAIN, WATCH_US_OF(at_ns),
                      name);
}

static void watch_lane_part(struct world *w, const struct request *r, int64_t from_ns,
                            int64_t to_ns, const char *name)
{
    watch_lane_serving(w, r, "b", from_ns, name);
    watch_lane_serving(w, r, "e", to_ns, name);
}

/* `first_ns` is when the engine had the first token; -1: unknown, it left before its answer was
 * whole. */
static void watch_lane_engine(struct world *w, uint32_t slot, int64_t first_ns, int64_t end_ns)
{
    const struct watch_slot *s = watch_lane_slot(w, slot);
    const struct request *r = world_request(w, slot);
    char name[32];
    if (!s->lane || s->at_node_ns < 0 || !(w->watch->filter->tracks >> WATCH_NODES & 1)) return;
    if (!watch_emit_room(&w->watch->emit, 10)) return;
    watch_trace_name_node(w, r->node);
    snprintf(name, sizeof name, "request %" PRIu32, r->id);
    int64_t admitted_ns = s->admitted_ns < 0 ? end_ns : s->admitted_ns;
    watch_lane_serving(w, r, "b", s->at_node_ns, "serving");
    watch_lane_serving(w, r, "b", s->at_node_ns, name);
    watch_lane_part(w, r, s->at_node_ns, admitted_ns, "queued");
    if (first_ns >= 0) {
        watch_lane_part(w, r, admitted_ns, first_ns, "prefill");
        watch_lane_part(w, r, first_ns, end_ns, "decode");
    } else if (admitted_ns < end_ns) {
        watch_lane_part(w, r, admitted_ns, end_ns, "computing, not finished");
    }
    watch_lane_serving(w, r, "e", end_ns, name);
    watch_lane_serving(w, r, "e", end_ns, "serving");
}

/* The newest stand at the end of the running list, and a step that begins is theirs. */
void watch_lane_admitted(struct world *w, uint32_t index)
{
    const struct serving *s = &w->nodes[index].serving;
    uint32_t known = w->watch->nodes[index].admissions;
    for (int32_t i = s->running.tail; i != SERVING_NONE; i = s->requests[i].prev) {
        const struct serving_request *r = &s->requests[i];
        if (r->order < known) return;
        struct watch_slot *slot = watch_lane_slot(w, r->tag);
        if (slot->admitted_ns < 0) slot->admitted_ns = s->start_ns + (s->start_ticks > 0);
    }
}

/* ---- arrows ---------------------------------------------------------------------------------- */

static void watch_lane_arrow(struct world *w, const struct request *r, const char *phase,
                             unsigned pid, const char *more)
{
    watch_emit_record(&w->watch->emit,
                      "\"ph\":\"%s\",\"cat\":\"proof\",\"id\":%" PRIu32
                      ",\"pid\":%u,\"tid\":%u,\"ts\":" WATCH_US ",\"name\":\"to the chain\"%s",
                      phase, r->id, pid, WATCH_TID_MAIN, WATCH_US_OF(world_now(w)), more);
}

/* ---- what the world tells -------------------------------------------------------------------- */

static const char *watch_lane_gap(const struct world *w, const struct request *r)
{
    const struct scenario_user *users = w->params->users.items;
    if (users[r->class].acts.kind == SCENARIO_ON_FINALITY) return "user waits for the block";
    return w->design->verifies ? "trust gap" : "not settled";
}

static void watch_lane_first_token(struct world *w, uint32_t slot)
{
    const struct request *r = world_request(w, slot);
    if (!watch_lane_slot(w, slot)->lane || !watch_emit_room(&w->watch->emit, 1)) return;
    watch_lane_put(w, r, "n", r->first_token_ns, "first token at the user", "");
}

/* The last token is computed; the first may reach the user before or after that. */
static void watch_lane_returning(struct world *w, uint32_t slot)
{
    struct watch_slot *s = watch_lane_slot(w, slot);
    const struct request *r = world_request(w, slot);
    int64_t now_ns = world_now(w);
    if (r->first_token_ns <= now_ns) watch_lane_first_token(w, slot);
    watch_lane_stage_end(w, slot, now_ns);
    watch_lane_stage(w, slot, now_ns, "answer on its way");
    s->flow = s->lane && w->watch->arrows && r->node < w->node_count &&
              w->watch->nodes[r->node].step && watch_emit_room(&w->watch->emit, 2);
    if (s->flow) watch_lane_arrow(w, r, "s", WATCH_PID_NODES + r->node, "");
}

static void watch_lane_completed(struct world *w, uint32_t slot)
{
    const struct request *r = world_request(w, slot);
    int64_t way_ns = r->answered_ns - r->served_ns;
    if (r->first_token_ns > r->served_ns) watch_lane_first_token(w, slot);
    watch_lane_stage_end(w, slot, world_now(w));
    watch_lane_engine(w, slot, r->first_token_ns - way_ns, r->served_ns);
    if (r->proof == PROOF_PENDING)
        watch_lane_stage(w, slot, world_now(w), watch_lane_gap(w, r));
    else
        watch_lane_end(w, slot, world_now(w));
}

void watch_lane_request(struct world *w, uint32_t slot)
{
    struct watch_slot *s = watch_lane_slot(w, slot);
    const struct request *r = world_request(w, slot);
    int64_t now_ns = world_now(w);
    switch ((enum request_state)r->state) {
    case REQUEST_SERVED:
        if (w->design->on_chain) break;
        s->at_node_ns = now_ns;
        watch_lane_stage_end(w, slot, now_ns);
        watch_lane_stage(w, slot, now_ns, "at its node");
        break;
    case REQUEST_RETURN:
        watch_lane_returning(w, slot);
        break;
    case REQUEST_COMPLETED:
        watch_lane_completed(w, slot);
        break;
    default:
        watch_lane_engine(w, slot, -1, now_ns);
        watch_lane_end(w, slot, now_ns);
        break;
    }
}

/* It may have been refused at the door. */
void watch_lane_arrival(struct world *w, uint32_t slot)
{
    watch_lane_begin(w, slot);
    if (world_request(w, slot)->state >= REQUEST_COMPLETED) watch_lane_end(w, slot, world_now(w));
}

/* An arrow that finds no block has no end. */
static void watch_lane_astray(struct world *w, uint32_t slot)
{
    struct watch_slot *s = watch_lane_slot(w, slot);
    if (s->flow) w->watch->emit.file->written--;
    s->flow = false;
}

void watch_lane_proof(struct world *w, uint32_t slot)
{
    struct watch_slot *s = watch_lane_slot(w, slot);
    const struct request *r = world_request(w, slot);
    if (w->watch->event->kind != EV_COMMIT) watch_lane_astray(w, slot);
    if (s->flow) watch_lane_arrow(w, r, "f", WATCH_PID_CHAIN, ",\"bp\":\"e\"");
    s->flow = false;
    if (r->state == REQUEST_COMPLETED) watch_lane_end(w, slot, world_now(w));
}

void watch_lane_cut(struct world *w, int64_t now_ns)
{
    for (uint32_t slot = 0; slot < w->watch->slot_count; slot++) {
        const struct request *r = world_request(w, slot);
        watch_lane_astray(w, slot);
        if (!w->watch->slots[slot].lane) continue;
        if (r->state == REQUEST_SERVED) watch_lane_engine(w, slot, -1, now_ns);
        watch_lane_end(w, slot, now_ns);
    }
}
