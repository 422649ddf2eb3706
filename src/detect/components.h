/* components.h - connected parts, also within a partition.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DETECT_COMPONENTS_H
#define RSI_DETECT_COMPONENTS_H

#include "ringscope/detect.h"

/* label[v] becomes the smallest node that v reaches over links inside communities; links between
 * nodes of different `community` are passed over. community NULL: all links count. O(links). */
void rsi_components_within(const rs_link_graph *graph, const uint32_t *community, uint32_t *label);

#endif
