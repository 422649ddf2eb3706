/* common.c - what several subcommands do alike.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

int rsi_exit_status(rs_status status)
{
    switch (status) {
    case RS_OK:
        return RSI_EXIT_DONE;
    case RS_EUSAGE:
        return RSI_EXIT_USAGE;
    case RS_EINPUT:
    case RS_ENOTFOUND:
        return RSI_EXIT_INPUT;
    case RS_ELOCKED:
        return RSI_EXIT_LOCKED;
    case RS_ECORRUPT:
        return RSI_EXIT_DAMAGED;
    case RS_EIO:
    case RS_ENOMEM:
    case RS_EINTERRUPTED:
        return RSI_EXIT_FAILED;
    }
    return RSI_EXIT_FAILED;
}

rs_status rsi_store_status(rs_status status, rs_error *err)
{
    if (status == RS_ENOTFOUND) {
        err->status = RS_EUSAGE;
        return RS_EUSAGE;
    }
    return status;
}

rs_status rsi_open_store(rs_store **out, const char *path, rs_error *err)
{
    return rsi_store_status(rs_store_open(out, path, err), err);
}
