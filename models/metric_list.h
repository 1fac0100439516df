/* SPDX-License-Identifier: Apache-2.0
 * The list of metrics, once: VALUE is one number, SPREAD a distribution that expands to
 * .mean .p50 .p90 .p95 .p99 .max.  Included by metrics.h (ids) and metrics.c (names). */
#ifndef HACASIM_MODELS_METRIC_LIST_H
#define HACASIM_MODELS_METRIC_LIST_H

/* clang-format off */
#define METRIC_LIST(VALUE, SPREAD)                                                                  \
    SPREAD(gap, "gap.s", "trust gap: from the answer in use to its verification in a final block, s") \
    SPREAD(gap_settled, "gap.settled_s", "from the answer in use to its record in a final block, checked or not, s") \
    VALUE(gap_never, "gap.never_ratio", "share of answers that can no longer be verified under the design") \
    VALUE(gap_open, "gap.open_ratio", "share of answers whose verification was still pending at the end (censored)") \
    VALUE(risk_mean, "gap.value_at_risk_usd.mean", "value of answers acted on and not yet verified: time average, USD") \
    VALUE(risk_peak, "gap.value_at_risk_usd.peak", "the same: highest, USD")                         \
    VALUE(risk_p95, "gap.value_at_risk_usd.p95", "the same: exceeded 5 % of the time, USD")          \
    VALUE(risk_p99, "gap.value_at_risk_usd.p99", "the same: exceeded 1 % of the time, USD")          \
    VALUE(unverified_value, "gap.unverified_value_usd", "value of answers acted on that can never be verified, USD") \
    VALUE(exploited, "gap.exploited_usd", "value of cheated answers acted on before a final rejection, USD") \
    VALUE(recovered, "gap.recovered_usd", "what slashed stake and the fund repaid of it, USD")       \
    VALUE(refunds, "gap.refunds_usd", "fees given back for rejected answers, USD")                   \
    VALUE(insurance, "gap.insurance_usd", "part of the recovered value that the fund paid, USD")     \
    VALUE(requests_arrived, "requests.arrived", "requests that arrived (after the warm-up)")         \
    VALUE(requests_completed, "requests.completed", "whose last token reached the user")             \
    VALUE(requests_rejected, "requests.rejected", "refused: no node, stale price feed, queue full or prompt too long") \
    VALUE(requests_failed, "requests.failed", "lost with their node")                                \
    VALUE(requests_timed_out, "requests.timed_out", "given up by the client")                        \
    VALUE(requests_in_flight, "requests.in_flight", "not finished at the end")                       \
    VALUE(rejected_no_node, "rejected.no_node", "of the rejected: no node was active for the model")  \
    VALUE(rejected_unpriced, "rejected.unpriced", "of the rejected: the price feed was too old")      \
    VALUE(rejected_no_record, "rejected.no_record", "of the rejected: limits.requests were in flight") \
    VALUE(rejected_chain, "rejected.chain", "of the rejected: no block or engine of the validators took it") \
    VALUE(rejected_queue_full, "rejected.queue_full", "of the rejected: the queue of its node was full") \
    VALUE(rejected_queue_timeout, "rejected.queue_timeout", "of the rejected: it waited too long at its node") \
    VALUE(rejected_too_long, "rejected.too_long", "of the rejected: the empty node could not hold it") \
    VALUE(rejected_no_encoder, "rejected.no_encoder", "of the rejected: it had images, and the model of its node takes none") \
    VALUE(rejected_rate_limited, "rejected.rate_limited", "of the rejected: by the API behind a proxy") \
    VALUE(failed_node_lost, "failed.node_lost", "of the failed: its node broke down under it")        \
    VALUE(failed_unreachable, "failed.unreachable", "of the failed: its node could not be reached")   \
    VALUE(failed_api, "failed.api", "of the failed: the API behind a proxy answered with an error")   \
    VALUE(failed_no_room, "failed.no_room", "of the failed: its node was swapped to a model that cannot hold it") \
    VALUE(failed_disagreed, "failed.disagreed", "of the failed: replicas disagreed")                  \
    SPREAD(ttft, "latency.ttft_s", "time to first token at the user, s")                             \
    SPREAD(image_ttft, "latency.image_ttft_s", "time to first token of requests with images, s")     \
    SPREAD(tpot, "latency.tpot_s", "time per output token after the first, s")                       \
    SPREAD(e2e, "latency.e2e_s", "from sending a request to acting on its answer, s")                \
    VALUE(slo_attainment, "slo.attainment_ratio", "share of the requests with targets (users[].slo) that met them all") \
    VALUE(slo_unmet, "slo.unmet_classes", "classes of users whose attainment is below what they ask (users[].slo.attainment)") \
    VALUE(slo_met, "slo.met", "requests that met all targets of their class")                        \
    VALUE(slo_missed, "slo.missed", "requests that missed one, or were not answered")                \
    VALUE(slo_open, "slo.open", "requests under way at the end that might yet meet theirs (in neither)") \
    VALUE(slo_goodput, "slo.goodput_per_s", "requests a second that met all targets of their class") \
    VALUE(slo_goodput_tok, "slo.goodput_tok_per_s", "output tokens a second in answers that met all targets") \
    VALUE(prefix_hit, "serving.prefix_hit_ratio", "share of the prompt tokens that engines looked up in their prefix caches and found there") \
    VALUE(prefix_shared, "serving.prefix_shared_ratio", "share of the prompt tokens that stood in earlier prompts and answers: what a cache without bound could save") \
    VALUE(image_tok, "serving.image_tok", "tokens of images that engines encoded")                   \
    SPREAD(transfer, "serving.kv_transfer_s", "from the first token on a prefill node to its KV on the node that decodes, s") \
    SPREAD(transfer_wait, "serving.kv_wait_s", "wait of a KV transfer for the links of its two nodes, s") \
    VALUE(transfers, "serving.kv_transfers", "KV transfers between nodes that were sent")          \
    VALUE(transfer_bytes, "serving.kv_moved_bytes", "bytes that they carried")                      \
    VALUE(transfer_resent, "serving.kv_resent", "transfers of them to another node, as the first was down or refused") \
    VALUE(transfer_failed, "serving.kv_lost", "transfers of them lost with their sender")           \
    SPREAD(serving_waiting, "serving.waiting", "requests waiting in the engine of a node, over nodes and seconds") \
    SPREAD(serving_running, "serving.running", "requests running there")                             \
    SPREAD(serving_kv, "serving.kv_usage_ratio", "share of its KV blocks in use")                    \
    VALUE(preemptions, "serving.preemptions", "running requests put back for lack of KV blocks")     \
    VALUE(steps, "serving.steps", "engine steps of all nodes")                                       \
    VALUE(step_tokens, "serving.step_tokens", "tokens computed in a step, mean")                     \
    VALUE(wasted, "serving.wasted_ratio", "of the tokens that requests had in KV, dropped before their end: preemption, time-out, failure") \
    VALUE(serving_residual, "serving.residual_ns", "Little's law: integral of requests held minus sum of their stays, worst node, ns") \
    VALUE(verify_submitted, "verify.submitted", "proofs or records sent toward the chain")           \
    VALUE(verify_accepted, "verify.accepted", "proofs checked and accepted in a final block")        \
    VALUE(verify_rejected, "verify.rejected", "proofs checked and rejected in a final block")        \
    VALUE(verify_expired, "verify.expired", "proofs too old when they were checked")                 \
    VALUE(verify_lost, "verify.lost", "proofs or records lost on the way")                           \
    SPREAD(validator_cpu, "verify.validator_cpu_ratio", "share of a validator's cores spent on checking, by block") \
    SPREAD(block_interval, "chain.block_interval_s", "from block to block, s")                       \
    SPREAD(block_commit, "chain.commit_s", "from the start of a height to its commit, s")            \
    SPREAD(rounds, "chain.rounds", "rounds a height needed (1: the first proposal was accepted)")    \
    VALUE(blocks, "chain.blocks", "blocks committed")                                                \
    VALUE(halted, "chain.halted_s", "time without a quorum of live validators, s")                   \
    VALUE(safety_violations, "chain.safety_violations", "heights decided twice")                     \
    VALUE(gas_used, "chain.gas_used_ratio", "gas charged over the gas limit of the blocks")          \
    VALUE(base_fee, "chain.base_fee_wei", "base fee at the end, 1e-18 coin per gas")                 \
    VALUE(mempool_peak, "chain.mempool_peak", "most transactions waiting")                           \
    VALUE(mempool_dropped, "chain.mempool_dropped", "transactions refused by a full mempool")        \
    VALUE(cheat_attempted, "cheat.attempted", "answers given with a substituted model")              \
    VALUE(cheat_detected, "cheat.detected", "of them rejected in a final block")                     \
    VALUE(cheat_undetected, "cheat.undetected", "of them accepted, or never to be checked")          \
    VALUE(false_slashes, "cheat.false_slashes", "slashes of honest nodes")                           \
    VALUE(cheat_profit, "cheat.profit_usd", "serving cost saved by cheaters minus what they lost, USD") \
    VALUE(slashed, "cheat.slashed_opg", "stake slashed, OPG")                                        \
    VALUE(usd_per_mtok, "cost.usd_per_mtok", "network cost per million tokens served, USD")          \
    VALUE(usd_per_verified_mtok, "cost.usd_per_verified_mtok", "network cost per million tokens of verified answers, USD") \
    VALUE(kwh_per_mtok, "cost.kwh_per_mtok", "energy of the GPU nodes per million tokens, kWh")      \
    VALUE(network_usd, "cost.network_usd", "rent of all nodes and validators over the measured window and what APIs charged, USD") \
    VALUE(replicated_ratio, "cost.replicated_ratio", "cost if every validator rented the GPU fleet, over the network's cost; under replicated: its cost over that of the fleet and hosts") \
    VALUE(api_usd, "cost.api_usd", "of it what outside APIs charged proxies, USD")                   \
    VALUE(fleet_availability, "fleet.availability_ratio", "time that nodes could serve over the time they were members") \
    VALUE(fleet_loading, "fleet.loading_ratio", "time that nodes loaded a model over the time they were members") \
    VALUE(fleet_node_h, "fleet.node_h", "hours of membership of all nodes in the measured window")    \
    VALUE(fleet_joined, "fleet.joined", "nodes that joined after the start (whole run, as those below)") \
    VALUE(fleet_left, "fleet.left", "nodes that left for good")                                      \
    VALUE(fleet_failures, "fleet.failures", "failures of nodes")                                     \
    VALUE(fleet_loads, "fleet.loads", "models loaded after the start")                               \
    VALUE(fleet_swapped, "fleet.swapped", "nodes whose engine or model was swapped")                 \
    VALUE(fleet_held, "fleet.held", "requests that a swap took out of an engine and gave to the next") \
    VALUE(fleet_attested, "fleet.attested", "attestations of nodes in final blocks after the start") \
    VALUE(fleet_retried, "fleet.retried", "requests that lost their node and were tried again")      \
    VALUE(node_gpus, "node.gpus", "GPUs of all nodes")                                               \
    SPREAD(node_profit, "node.profit_usd", "fees minus rent, gas, burns and slashed stake of each node, USD") \
    SPREAD(node_utilisation, "node.utilisation_ratio", "busy share of each node in the measured window")                    \
    VALUE(supply_total, "econ.supply_opg.total", "OPG in existence at the end")                      \
    VALUE(supply_circulating, "econ.supply_opg.circulating", "of it neither locked, staked nor in the reward pool") \
    VALUE(supply_staked, "econ.supply_opg.staked", "of it staked by nodes and validators")           \
    VALUE(supply_burned, "econ.supply_opg.burned", "OPG burned during the run")                      \
    VALUE(supply_minted, "econ.supply_opg.minted", "OPG minted during the run (pool releases are not a mint)") \
    VALUE(emitted, "econ.emitted_opg", "OPG released from the reward pool during the run")           \
    VALUE(net_issuance, "econ.net_issuance_ratio_y", "(emitted + minted - burned) a year over the circulating supply") \
    VALUE(burn_ratio, "econ.burn_ratio", "burned over emitted and minted")                           \
    VALUE(staking_apr, "econ.staking_apr", "emission to validators a year over their stake")         \
    VALUE(price_final, "econ.price_usd.final", "token price at the end, USD")                        \
    VALUE(price_min, "econ.price_usd.min", "lowest, USD")                                            \
    VALUE(price_max, "econ.price_usd.max", "highest, USD")                                           \
    VALUE(price_drawdown, "econ.price_usd.drawdown_ratio", "largest fall from a peak")               \
    VALUE(collapsed, "econ.collapsed", "1 when capacity or price stayed below `collapse:` for its time") \
    VALUE(security_budget, "econ.security_budget_usd", "a third of the validators' stake at the final price, USD") \
    VALUE(gap_cover, "econ.gap_cover_ratio", "(slashed stake that was not burned, at the price when slashed, + fund at the start) over value exploited") \
    VALUE(fees_paid, "econ.fees_paid_opg", "inference fees paid by users, OPG")                      \
    VALUE(fees_nodes, "econ.fees_to_nodes_opg", "of them received by GPU nodes, OPG")                \
    VALUE(residual, "ledger.residual", "sum of accounts - (genesis + minted - burned), worst block, over all assets") \
    VALUE(entries, "ledger.entries", "ledger entries made")                                          \
    VALUE(events, "sim.events", "events fired")                                                      \
    VALUE(ties, "sim.ties", "events that fired at the time of the one before")
/* clang-format on */

#endif
