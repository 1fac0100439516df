/* SPDX-License-Identifier: Apache-2.0
 * What machine.c (steps) and machine_input.c (inputs) share; nothing else includes this. */
#ifndef HACASIM_MODELS_CONSENSUS_MACHINE_INTERNAL_H
#define HACASIM_MODELS_CONSENSUS_MACHINE_INTERNAL_H

#include "models/consensus/machine.h"

extern const struct machine_block machine_no_block;

struct machine_output *machine_emit(struct machine *m, enum machine_output_kind kind);
/* Proposal and block are here, and the votes of the proof of lock that it names. */
bool machine_complete(const struct machine *m);
void machine_expect(struct machine *m, uint64_t value, uint32_t total);
void machine_fetch(struct machine *m, uint64_t value);
void machine_unlock(struct machine *m);

/* Each does nothing where the validator is past that round or step. */
void machine_enter_round(struct machine *m, int32_t round);
void machine_enter_propose(struct machine *m, int32_t round);
void machine_enter_prevote(struct machine *m, int32_t round);
void machine_enter_prevote_wait(struct machine *m, int32_t round);
void machine_enter_precommit(struct machine *m, int32_t round);
void machine_enter_precommit_wait(struct machine *m, int32_t round);
void machine_enter_commit(struct machine *m, int32_t round);
void machine_try_finish(struct machine *m);
void machine_adopt(struct machine *m, const struct machine_block *block);

/* Its own messages, until there are none. */
void machine_hear_self(struct machine *m);

#endif
