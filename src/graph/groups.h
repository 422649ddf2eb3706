/* groups.h - groups with a by-product that only other calls of this folder want.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_GRAPH_GROUPS_H
#define RSI_GRAPH_GROUPS_H

#include "graph/internal.h"

/* rs_graph_groups, and `singles` as for rsi_shared_find. */
RS_MUST_USE rs_status rsi_groups_find(const rs_graph *graph, size_t relation, uint32_t *singles,
                                      rs_groups *out, const rs_work *work, rs_error *err);

#endif
