/* SPDX-License-Identifier: Apache-2.0
 * Sessions that are open, system prompts, and the book of recorded conversations. */
#include "models/session.h"

/* ---- parameters ---------------------------------------------------------------------------- */

static const struct param follow_rows[] = {
    PARAM_WORD("lengths", "drawn from workload.lengths"),
    PARAM_SUB(session_follow, tokens, PARAM_CHOICE, param_dist_real, NULL,
              "drawn from this, tokens", NULL),
};
static const struct param_table follow_table =
    PARAM_TABLE("session_follow", session_follow, follow_rows);

static const struct param session_rows[] = {
    PARAM(session_params, share, PARAM_RATIO, "0%", "0%", "100%",
          "share of the requests that arrive and begin a session", "assumption: none"),
    PARAM_SUB(session_params, turns, PARAM_CHOICE, param_dist_real, "{exponential: {mean: 3}}",
              "turns of a session, rounded, at least 1", "assumption"),
    PARAM_SUB(session_params, think_time, PARAM_CHOICE, param_dist_seconds,
              "{exponential: {mean: 30 s}}", "from an answer to the user's next turn",
              "assumption"),
    PARAM_SUB(session_params, follow_up, PARAM_CHOICE, follow_table, "lengths",
              "tokens that a later turn adds to the conversation before its answer", "assumption"),
    PARAM(session_params, context, PARAM_COUNT, "32768", "0", "10000000",
          "a session ends before a turn whose prompt and answer would have more tokens; 0: it does "
          "not",
          "assumption"),
    PARAM(session_params, limit, PARAM_COUNT, "1000000", "1", "100000000",
          "most sessions open at one time; beyond it a request begins none",
          "memory: 52 bytes each"),
};
const struct param_table session_table = PARAM_TABLE("sessions", session_params, session_rows);

static const struct param popularity_rows[] = {
    PARAM_WORD("uniform", "each equally often"),
    PARAM(session_popularity, zipf, PARAM_REAL, NULL, "0", "10",
          "the k-th most popular in proportion to k to the power of minus this", NULL),
};
static const struct param_table popularity_table =
    PARAM_TABLE("popularity", session_popularity, popularity_rows);

static const struct param system_rows[] = {
    PARAM(session_system_params, count, PARAM_COUNT, "0", "0", "1000000",
          "different system prompts; 0: none", "assumption: none"),
    PARAM(session_system_params, share, PARAM_RATIO, "100%", "0%", "100%",
          "share of the requests (of a session: of its first) that begin with one", "assumption"),
    PARAM_SUB(session_system_params, tokens, PARAM_CHOICE, param_dist_real,
              "{lognormal: {median: 300, sigma: 1}}", "tokens of each, drawn once", "assumption"),
    PARAM_SUB(session_system_params, popularity, PARAM_CHOICE, popularity_table, "{zipf: 1}",
              "which one a request has", "assumption"),
    PARAM(session_system_params, added, PARAM_BOOL, "false", NULL, NULL,
          "they come before the prompt that was drawn or recorded, and make it longer; else they "
          "are its first tokens, and the load stays what it is",
          "as recorded"),
};
const struct param_table session_system_table =
    PARAM_TABLE("system_prompts", session_system_params, system_rows);

/* ---- opening ------------------------------------------------------------------------------- */

void sessions_init(struct sessions *s, const struct session_params *params,
                   const struct session_system_params *system, uint64_t seed, uint32_t replication,
                   struct arena *arena)
{
    uint32_t count = (uint32_t)system->count;
    double sum = 0, power = system->popularity.kind == 0 ? 0 : system->popularity.zipf;
    *s = (struct sessions){.params = params,
                           .system = system,
                           .seed = seed,
                           .replication = replication,
                           .arena = arena};
    s->popularity = arena_alloc(arena, count, sizeof *s->popularity);
    s->seen = arena_alloc(arena, count, sizeof *s->seen);
    for (uint32_t i = 0; i < count; i++) {
        sum += dmath_exp(-power * dmath_log(i + 1.0));
        s->popularity[i] = sum;
    }
}

static struct rng_stream session_stream(const struct sessions *s, uint32_t purpose, uint32_t entity)
{
    return rng_open(s->seed, s->replication, purpose, entity);
}

/* A drawn number of tokens or turns: whole, at least 1, at most `most`. */
static uint32_t session_whole(const struct dist *dist, struct rng_stream *stream, uint32_t most)
{
    double drawn = dist_draw(dist, stream) + 0.5;
    if (!(drawn >= 1.0)) return 1;
    return drawn < most ? (uint32_t)drawn : most;
}

uint32_t session_length(const struct sessions *s, uint32_t first)
{
    enum { MOST = 1000000 };
    if (s->params->share <= 0) return 1;
    struct rng_stream stream = session_stream(s, SESSION_STREAM_BEGIN, first);
    if (rng_unit(&stream) >= s->params->share) return 1;
    return session_whole(&s->params->turns, &stream, MOST);
}

/* ---- texts --------------------------------------------------------------------------------- */

/* Which system prompt the arrival has: its index + 1, or 0; and its length. */
static uint32_t session_system(const struct sessions *s, uint32_t first, uint32_t *tokens)
{
    uint32_t low = 0, high = (uint32_t)s->system->count;
    *tokens = 0;
    if (high == 0) return 0;
    struct rng_stream stream = session_stream(s, SESSION_STREAM_SYSTEM, first);
    if (rng_unit(&stream) >= s->system->share) return 0;
    double point = rng_unit(&stream) * s->popularity[high - 1];
    while (low + 1 < high) {
        uint32_t middle = (low + high) / 2;
        if (point < s->popularity[middle - 1])
            high = middle;
        else
            low = middle;
    }
    struct rng_stream text = session_stream(s, SESSION_STREAM_TEXT, low);
    *tokens = session_whole(&s->system->tokens, &text, SESSION_TOKENS_MAX / 2);
    return low + 1;
}

static uint32_t session_less(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

static void session_put_system(struct sessions *s, struct session_text *text, uint32_t system,
                               uint32_t system_tok)
{
    if (system == 0) return;
    text->prefix = system;
    text->prefix_tok = session_less(system_tok, text->prompt_tok);
    if (s->seen[system - 1])
        text->shared_tok = session_less(text->prefix_tok, text->prompt_tok - 1);
    s->seen[system - 1] = true;
}

struct session_text session_open_text(struct sessions *s, uint32_t first, uint32_t prompt_tok)
{
    uint32_t system_tok, system = session_system(s, first, &system_tok);
    struct session_text text = {.prompt_tok = prompt_tok};
    if (s->system->added)
        text.prompt_tok = session_less((uint64_t)prompt_tok + system_tok, SESSION_TOKENS_MAX);
    session_put_system(s, &text, system, system_tok);
    return text;
}

/* ---- open sessions ------------------------------------------------------------------------- */

static bool session_room(struct sessions *s)
{
    uint32_t old = s->capacity, limit = (uint32_t)s->params->limit;
    if (s->free_count > 0) return true;
    if (old >= limit) return false;
    uint32_t capacity = old ? 2 * old : 64;
    if (capacity > limit) capacity = limit;
    s->items = arena_grow(s->arena, s->items, old, capacity, sizeof *s->items);
    s->free = arena_grow(s->arena, s->free, old, capacity, sizeof *s->free);
    for (uint32_t i = capacity; i > old; i--) {
        s->items[i - 1].first = UINT32_MAX;
        s->free[s->free_count++] = i - 1;
    }
    s->capacity = capacity;
    return true;
}

uint32_t session_begin(struct sessions *s, uint32_t first, uint32_t turns, uint32_t id,
                       uint32_t client, struct session_text *text)
{
    if (!session_room(s)) {
        s->refused++;
        return UINT32_MAX;
    }
    uint32_t index = s->free[--s->free_count];
    text->stream = (uint64_t)first + 1;
    s->items[index] = (struct session){.first = first,
                                       .next_id = id + 1,
                                       .client = client,
                                       .turns = turns,
                                       .system = (uint32_t)text->prefix,
                                       .system_tok = text->prefix_tok,
                                       .images = text->images};
    return index;
}

struct rng_stream session_draw(const struct sessions *s, uint32_t session, enum session_draw which)
{
    const struct session *one = &s->items[session];
    struct rng_stream stream = session_stream(s, SESSION_STREAM_TURN, one->first);
    rng_seek(&stream, 8 * one->turn + (uint32_t)which);
    return stream;
}

bool session_answered(struct sessions *s, uint32_t session, uint32_t prompt_tok,
                      uint32_t output_tok, int64_t *think_ns)
{
    struct session *one = &s->items[session];
    one->context_tok = prompt_tok + output_tok;
    if (one->turn + 1 >= one->turns) return false;
    struct rng_stream stream = session_draw(s, session, SESSION_DRAW_THINK);
    double think_s = dist_draw(&s->params->think_time, &stream);
    if (!(think_s >= 0)) think_s = 0;
    if (think_s > 3e8) return false; /* ten years */
    *think_ns = event_ns(think_s * 1e9);
    return true;
}

bool session_turn(struct sessions *s, uint32_t session, uint32_t question_tok, uint32_t output_tok,
                  struct session_text *text)
{
    const struct session *one = &s->items[session];
    if (s->params->follow_up.kind == SESSION_TOKENS) {
        struct rng_stream stream = session_draw(s, session, SESSION_DRAW_QUESTION);
        question_tok = session_whole(&s->params->follow_up.tokens, &stream, SESSION_TOKENS_MAX / 2);
    }
    uint64_t prompt = (uint64_t)one->context_tok + question_tok;
    uint64_t most = s->params->context > 0 ? (uint64_t)s->params->context : SESSION_TOKENS_MAX;
    if (prompt + output_tok > most) return false;
    *text = (struct session_text){.prompt_tok = (uint32_t)prompt,
                                  .stream = (uint64_t)one->first + 1,
                                  .prefix = one->system,
                                  .prefix_tok = one->system_tok,
                                  .shared_tok = one->context_tok - 1,
                                  .images = one->images};
    return true;
}

void session_close(struct sessions *s, uint32_t session)
{
    if (s->items[session].first == UINT32_MAX) return;
    s->items[session].first = UINT32_MAX;
    s->free[s->free_count++] = session;
}

/* ---- recorded sessions --------------------------------------------------------------------- */

static struct session_chat *session_find(struct session_chat *book, uint32_t capacity, uint64_t key)
{
    uint32_t at = (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (capacity - 1);
    while (book[at].key != 0 && book[at].key != key)
        at = (at + 1) & (capacity - 1);
    return &book[at];
}

static void session_book_grow(struct sessions *s)
{
    uint32_t capacity = s->book_capacity ? 2 * s->book_capacity : 1024;
    struct session_chat *book = arena_alloc(s->arena, capacity, sizeof *book);
    for (uint32_t i = 0; i < s->book_capacity; i++)
        if (s->book[i].key != 0) *session_find(book, capacity, s->book[i].key) = s->book[i];
    s->book = book;
    s->book_capacity = capacity;
}

struct session_text session_recorded(struct sessions *s, uint64_t key, bool whole,
                                     uint32_t prompt_tok, uint32_t output_tok)
{
    if (2 * (uint64_t)s->book_count >= s->book_capacity) session_book_grow(s);
    struct session_chat *chat = session_find(s->book, s->book_capacity, key);
    s->book_count += chat->key == 0;
    chat->key = key;
    uint64_t prompt = whole ? prompt_tok : (uint64_t)chat->tokens + prompt_tok;
    bool anew = prompt <= chat->tokens || prompt > SESSION_TOKENS_MAX;
    if (anew) {
        chat->begun++;
        chat->tokens = 0;
        prompt = prompt_tok;
    }
    struct session_text text = session_open_text(s, (uint32_t)(key ^ key >> 32), (uint32_t)prompt);
    uint32_t added_tok = text.prompt_tok - (uint32_t)prompt;
    text.stream = key + chat->begun;
    if (text.stream == 0) text.stream = 1;
    if (chat->tokens > 0)
        text.shared_tok = session_less((uint64_t)chat->tokens + added_tok, text.prompt_tok) - 1;
    chat->tokens = session_less(prompt + output_tok, SESSION_TOKENS_MAX);
    return text;
}

/* ---- checkpoints --------------------------------------------------------------------------- */

void session_images_snap(struct session_images *images, struct snap *snap)
{
    SNAP_COVERS(struct session_images, 12);
    snap_u32(snap, &images->count);
    snap_u32(snap, &images->tok);
    snap_u32(snap, &images->from_tok);
    if (images->from_tok + (uint64_t)images->count * images->tok > 2 * (uint64_t)SESSION_TOKENS_MAX)
        snap_fail(snap, "a prompt has %u images of %u tokens", images->count, images->tok);
}

static void session_snap(struct session *one, struct snap *snap, const struct sessions *s,
                         uint32_t clients)
{
    SNAP_COVERS(struct session, 44);
    snap_u32(snap, &one->first);
    if (one->first == UINT32_MAX) return;
    snap_u32(snap, &one->next_id);
    snap_below(snap, &one->client, clients);
    snap_u32(snap, &one->turn);
    snap_u32(snap, &one->turns);
    snap_u32(snap, &one->context_tok);
    snap_count(snap, &one->system, (uint32_t)s->system->count);
    snap_u32(snap, &one->system_tok);
    session_images_snap(&one->images, snap);
}

static void session_book_snap(struct sessions *s, struct snap *snap)
{
    SNAP_COVERS(struct session_chat, 16);
    snap_length(snap, &s->book_capacity, UINT32_MAX / 4);
    if ((s->book_capacity & (s->book_capacity - 1)) != 0)
        snap_fail(snap, "the book of sessions has %u places", s->book_capacity);
    if (snap->reading) s->book = arena_alloc(s->arena, s->book_capacity, sizeof *s->book);
    snap_count(snap, &s->book_count, s->book_capacity / 2 + 1);
    uint32_t taken = 0;
    for (uint32_t i = 0; i < s->book_capacity; i++) {
        snap_u64(snap, &s->book[i].key);
        snap_u32(snap, &s->book[i].tokens);
        snap_u32(snap, &s->book[i].begun);
        taken += s->book[i].key != 0;
    }
    if (taken != s->book_count)
        snap_fail(snap, "%u of %u sessions stand in the book", taken, s->book_count);
}

void sessions_snap(struct sessions *s, struct snap *snap, uint32_t clients)
{
    SNAP_COVERS(struct sessions, 104);
    snap_begin(snap, "sessions");
    for (int64_t i = 0; i < s->system->count; i++)
        snap_flag(snap, &s->seen[i]);
    snap_length(snap, &s->capacity, (uint32_t)s->params->limit);
    if (snap->reading) {
        s->items = arena_alloc(s->arena, s->capacity, sizeof *s->items);
        s->free = arena_alloc(s->arena, s->capacity, sizeof *s->free);
    }
    snap_count(snap, &s->free_count, s->capacity);
    snap_indices(snap, s->free, s->free_count, s->capacity);
    for (uint32_t i = 0; i < s->capacity; i++)
        session_snap(&s->items[i], snap, s, clients);
    snap_u64(snap, &s->refused);
    session_book_snap(s, snap);
    snap_end(snap);
}
