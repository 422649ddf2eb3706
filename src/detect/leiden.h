/* leiden.h - igraph's Leiden on one piece.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DETECT_LEIDEN_H
#define RSI_DETECT_LEIDEN_H

#include "detect/piece.h"
#include "ringscope/detect.h"

/* label[v] is the smallest vertex of v's community. Not thread-safe, as igraph is not: for worker
 * processes. options->component_max is not looked at. RS_ENOMEM, RS_EIO (igraph failed).
 * 270 bytes a link, 4 microseconds a link. */
RS_MUST_USE rs_status rsi_leiden(const rsi_piece *piece, const rs_detect_options *options,
                                 uint32_t *label, rs_error *err);

#endif
