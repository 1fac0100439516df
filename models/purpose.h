/* SPDX-License-Identifier: Apache-2.0
 * Purposes of random streams that belong to no single module (each module with draws of its own
 * has a range: 0x1xx workload and routing, 0x3xx consensus, 0x4xx token and price). */
#ifndef HACASIM_MODELS_PURPOSE_H
#define HACASIM_MODELS_PURPOSE_H

enum purpose {
    PURPOSE_USER = 0x200, /* who asks: entity = request */
    PURPOSE_PLACE,        /* region of a user: entity = user */
    PURPOSE_UPLINK,       /* network, request to node: entity = request */
    PURPOSE_DOWNLINK,     /* network, answer to user: entity = request */
    PURPOSE_PROOF,        /* network, proof to the chain: entity = request */
    PURPOSE_STORAGE,      /* uploads: entity = upload, 4 draws apart per attempt */
    PURPOSE_HEARTBEAT,    /* phase and network: entity = node */
    PURPOSE_CHEATER,      /* rank of a node among the cheaters: entity = node */
    PURPOSE_CHECK,        /* does a forged proof pass: entity = request */
    PURPOSE_RELAY,        /* network, facilitator to chain: entity = batch */
    PURPOSE_AGREE,        /* do replicas agree on an answer: entity = request */
    PURPOSE_SPECULATE,    /* which drafted tokens are accepted: entity = request */
};

#endif
