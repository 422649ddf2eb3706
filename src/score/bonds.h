/* bonds.h - what holds a ring together.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_BONDS_H
#define RSI_SCORE_BONDS_H

#include "score/scorer.h"

/* Fill out->holds and out->alone, and where those of each of the first rings stand: the things
 * without which it falls apart. RS_ENOMEM. O(uses log) of these rings. */
RS_MUST_USE rs_status rsi_bonds_find(const rsi_scorer *s, rs_error *err);

#endif
