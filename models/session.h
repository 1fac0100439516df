/* SPDX-License-Identifier: Apache-2.0
 * What prompts have in common: conversations that grow turn by turn, and system prompts.
 *
 * A length says how long a prompt is, not what stands in it; these keys do.  A share of the
 * requests that arrive begin a session.  Each later turn of it comes `think_time` after the answer
 * to the one before (a closed loop: slow answers make later turns), and its prompt is the whole
 * conversation so far, question by question and answer by answer, with a new question behind it.  A
 * turn that is not answered ends its session, and so does a conversation that would outgrow
 * `context`.
 *
 * A share of all requests, sessions or not, begins with one of `system_prompts.count` texts, some
 * more popular than others.
 *
 * An engine with a prefix cache gets both as names: `stream` is the conversation, `prefix` the
 * system prompt.  `shared_tok` is what of a prompt had been computed before by anybody, the most
 * that a cache without bound could save; the last token of an answer is not in it, as no step has
 * computed its KV, nor the last of a prompt, which is always computed.
 *
 * Recorded sessions (a trace with a session column) come at the times of the trace; a book keeps
 * how long each conversation is. */
#ifndef HACASIM_MODELS_SESSION_H
#define HACASIM_MODELS_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim.h"

/* Purposes of random streams; the entity is the index of the arrival that began the session (of
 * SESSION_STREAM_TEXT: of the system prompt). */
enum {
    SESSION_STREAM_BEGIN = 0x120, /* whether, and how many turns */
    SESSION_STREAM_TURN,          /* of turn t: from block 8 t on */
    SESSION_STREAM_SYSTEM,        /* whether, and which system prompt */
    SESSION_STREAM_TEXT,          /* its length */
};

enum session_follow_kind { SESSION_AS_LENGTHS, SESSION_TOKENS };
struct session_follow {
    int kind; /* enum session_follow_kind */
    struct dist tokens;
};

struct session_params {
    double share;
    struct dist turns, think_time; /* think_time: s */
    struct session_follow follow_up;
    int64_t context; /* tokens; 0: no bound */
    int64_t limit;
};
extern const struct param_table session_table;

struct session_popularity {
    int kind;
    double zipf;
};
struct session_system_params {
    int64_t count;
    double share;
    struct dist tokens;
    struct session_popularity popularity;
    bool added;
};
extern const struct param_table session_system_table;

enum { SESSION_TOKENS_MAX = 10000000 }; /* in a prompt, as in a trace */

struct session_images {  /* in a prompt, alike and one after the other */
    uint32_t count, tok; /* tokens of each */
    uint32_t from_tok;   /* where they begin */
};

struct session {
    uint32_t first;   /* index of the arrival that began it; UINT32_MAX: free */
    uint32_t next_id; /* of the request of its next turn */
    uint32_t client;
    uint32_t turn, turns; /* the one under way, from 0; how many there will be */
    uint32_t context_tok; /* of the conversation, the answer under way included when it came */
    uint32_t system, system_tok;  /* system: index + 1, 0: none */
    struct session_images images; /* that its first turn brought */
};

struct session_chat { /* a recorded conversation */
    uint64_t key;     /* 0: free place */
    uint32_t tokens;
    uint32_t begun; /* times that it was begun anew */
};

struct sessions {
    const struct session_params *params;
    const struct session_system_params *system;
    uint64_t seed;
    uint32_t replication;
    struct arena *arena;
    double *popularity; /* cumulative */
    bool *seen;         /* [system prompt] was in a request already */
    /* open sessions */
    struct session *items;
    uint32_t *free;
    uint32_t capacity, free_count;
    uint64_t refused; /* not begun: `limit` were open */
    /* recorded ones: a hash table, at most half full */
    struct session_chat *book;
    uint32_t book_capacity, book_count;
};

void sessions_init(struct sessions *s, const struct session_params *params,
                   const struct session_system_params *system, uint64_t seed, uint32_t replication,
                   struct arena *arena);

/* How many requests the arrival `first` will make at most (1: it is no session): as many ids are
 * set apart for it, so that ids do not hang on when answers come. */
uint32_t session_length(const struct sessions *s, uint32_t first);

/* What a prompt has in common with others. */
struct session_text {
    uint32_t prompt_tok;
    uint64_t stream, prefix; /* names; 0: none */
    uint32_t prefix_tok, shared_tok;
    struct session_images images;
};

/* The prompt of the arrival `first`, of which `prompt_tok` is drawn or recorded. */
struct session_text session_open_text(struct sessions *s, uint32_t first, uint32_t prompt_tok);

/* Open a session of `turns` whose first turn is this text, as request `id`; UINT32_MAX: none,
 * `limit` are open. */
uint32_t session_begin(struct sessions *s, uint32_t first, uint32_t turns, uint32_t id,
                       uint32_t client, struct session_text *text);

/* The turn under way was answered.  True: there is another, this many ns from now. */
bool session_answered(struct sessions *s, uint32_t session, uint32_t prompt_tok,
                      uint32_t output_tok, int64_t *think_ns);

/* The stream of random numbers for one quantity of the turn under way. */
enum session_draw {
    SESSION_DRAW_THINK, /* after it */
    SESSION_DRAW_PROMPT,
    SESSION_DRAW_OUTPUT,
    SESSION_DRAW_VALUE,
    SESSION_DRAW_QUESTION,
};
struct rng_stream session_draw(const struct sessions *s, uint32_t session, enum session_draw which);

/* The prompt of the turn under way: what was said, and a question of `question_tok` (drawn here
 * where `follow_up` has tokens) behind it.  False: with its answer it would outgrow `context`. */
bool session_turn(struct sessions *s, uint32_t session, uint32_t question_tok, uint32_t output_tok,
                  struct session_text *text);
void session_close(struct sessions *s, uint32_t session);

/* A recorded turn of the conversation `key` (not 0).  `whole`: the recorded prompt has the
 * conversation before it in it (one that is shorter cannot, and begins anew); else it only adds to
 * it. */
struct session_text session_recorded(struct sessions *s, uint64_t key, bool whole,
                                     uint32_t prompt_tok, uint32_t output_tok);

void session_images_snap(struct session_images *images, struct snap *snap);
void sessions_snap(struct sessions *s, struct snap *snap, uint32_t clients);

#endif
