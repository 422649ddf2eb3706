/* entity.h - hard links: accounts of one verified identity are one person.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_EVIDENCE_ENTITY_H
#define RSI_EVIDENCE_ENTITY_H

#include "ringscope/evidence.h"

/* Fill evidence->entity from the groups of relations of kind identity; an identity of more than
 * `identity_max` users ties nobody and is added to the hubs. RS_ENOMEM. O(subjects + uses). */
RS_MUST_USE rs_status rsi_entities(const rs_graph *graph, uint32_t identity_max,
                                   rs_evidence *evidence, rs_error *err);

#endif
