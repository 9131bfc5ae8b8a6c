/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one place for the names that both sides of the bus use. */

#define HP_BUS_NAME "org.hotplugger1"
#define HP_OBJECT_ROOT "/org/hotplugger1"
#define HP_OBJECT_PORT HP_OBJECT_ROOT "/port"
#define HP_OBJECT_DEVICE HP_OBJECT_ROOT "/device"
#define HP_OBJECT_VM HP_OBJECT_ROOT "/vm"
#define HP_INTERFACE_MANAGER HP_BUS_NAME ".Manager"
#define HP_INTERFACE_PORT HP_BUS_NAME ".Port"
#define HP_INTERFACE_DEVICE HP_BUS_NAME ".Device"
#define HP_INTERFACE_VM HP_BUS_NAME ".VirtualMachine"

#define HP_ACTION_ASSIGN HP_BUS_NAME ".assign"
#define HP_ACTION_UNASSIGN HP_BUS_NAME ".unassign"
#define HP_ACTION_ATTACH HP_BUS_NAME ".attach"
#define HP_ACTION_DETACH HP_BUS_NAME ".detach"
#define HP_ACTION_RELOAD HP_BUS_NAME ".reload"

/* Who stands for nobody's machine wherever a machine's name is asked for. */
#define HP_HOST "host"
