/* mapping_rules.h - the rules of a source: what each row of it says of relations and nodes.
 *
 * Columns that a rule names become slots of in->source.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_INGEST_MAPPING_RULES_H
#define RSI_INGEST_MAPPING_RULES_H

#include "ingest/mapping_tree.h"

/* "time_unit"; *unit stays as it is where the key is not there. */
RS_MUST_USE rs_status rsi_map_unit(const rsi_map_reader *in, const rsi_map_place *at,
                                   const cJSON *object, rsi_time_unit *unit);
/* rule->named and rule->attribute_slots are allocated, after a failure too: their source frees
 * them. RS_EUSAGE with the place, RS_ENOMEM. */
RS_MUST_USE rs_status rsi_map_relation(const rsi_map_reader *in, const rsi_map_place *at,
                                       const cJSON *object, rsi_relation_rule *rule);
RS_MUST_USE rs_status rsi_map_node(const rsi_map_reader *in, const rsi_map_place *at,
                                   const cJSON *object, rsi_node_rule *rule);

#endif
