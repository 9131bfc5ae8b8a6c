/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"
#include "vm-private.h"

/*
 * Taking stock: a line of questions, one after the other; an answer may put further ones at its end. What a hostile
 * QEMU makes us ask is bounded.
 */

#define CONTROLLERS_MAX 64
#define DEVICES_MAX 256
#define PATH_SIZE_MAX 512

typedef enum
{
  ASK_CLEAN_UP, /* a descriptor that an interrupted attach left behind */
  ASK_STATUS,
  ASK_PROPERTIES,
  ASK_FOLDER,
  ASK_CONTROLLER,
  ASK_P2,
  ASK_P3,
  ASK_ATTACHED,
  ASK_PARENT_BUS,
  ASK_USB,
  ASK_FOREIGN_BUS, /* on which bus a device of others is, to know what bus a number of `info usb` means */
} Ask;

typedef struct
{
  char *type;
  char *bus;
  gint64 p2, p3;
} Controller;

typedef struct
{
  Ask ask;
  char *path;             /* QOM */
  char *type;             /* ASK_CONTROLLER: as its folder has it */
  Controller *controller; /* borrowed */
  HpVmDevice *device;     /* borrowed */
  guint bus_number;
} Question;

typedef struct
{
  GQueue questions;
  Question *current;
  guint controllers_asked;
  GPtrArray *controllers;
  GPtrArray *listing;    /* HpGuestDevice; NULL until asked for */
  GHashTable *bus_names; /* number in the listing, + 1 -> bus name */
  HpVmStock *stock;
} Inventory;

static void inventory_next (GTask *task);

/* --- the parts --- */

static void
controller_free (gpointer data)
{
  Controller *controller = data;

  g_free (controller->type);
  g_free (controller->bus);
  g_free (controller);
}

static void
question_free (gpointer data)
{
  Question *question = data;

  if (question == NULL)
    return;
  g_free (question->path);
  g_free (question->type);
  g_free (question);
}

static void
inventory_free (gpointer data)
{
  Inventory *inventory = data;

  g_queue_clear_full (&inventory->questions, question_free);
  question_free (inventory->current);
  g_ptr_array_unref (inventory->controllers);
  g_clear_pointer (&inventory->listing, g_ptr_array_unref);
  g_hash_table_unref (inventory->bus_names);
  hp_vm_stock_free (inventory->stock);
  g_free (inventory);
}

static Question *
ask (Inventory *inventory, Ask what, const char *folder, const char *name)
{
  Question *question = g_new0 (Question, 1);

  question->ask = what;
  if (folder != NULL)
    question->path = name != NULL ? g_strconcat (folder, "/", name, NULL) : g_strdup (folder);
  g_queue_push_tail (&inventory->questions, question);
  return question;
}

/* A name that can be shown, and be part of a path in QEMU's tree of objects. */
static gboolean
is_name (const char *text)
{
  g_autofree char *safe = hp_text_safe (text, PATH_SIZE_MAX);

  return g_strcmp0 (text, safe) == 0 && strchr (text, '/') == NULL;
}

static char *
last_part (const char *path)
{
  const char *slash = path != NULL ? strrchr (path, '/') : NULL;

  return slash != NULL && slash[1] != '\0' && is_name (slash + 1) ? g_strdup (slash + 1) : NULL;
}

static const char *
string_of (JsonNode *node)
{
  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
             ? json_node_get_string (node)
             : NULL;
}

static gint64
number_of (JsonNode *node)
{
  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64
             ? json_node_get_int (node)
             : 0;
}

static gboolean
is_true (JsonNode *node)
{
  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_BOOLEAN
         && json_node_get_boolean (node);
}

/* --- the answers --- */

static void
take_properties (Inventory *inventory, JsonNode *answer)
{
  JsonArray *array = JSON_NODE_HOLDS_ARRAY (answer) ? json_node_get_array (answer) : NULL;

  inventory->stock->usb_host = TRUE;
  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    if (g_strcmp0 (hp_json_string (json_array_get_element (array, i), "name"), "hostdevice") == 0)
      inventory->stock->hostdevice = TRUE;
}

static void
take_own (Inventory *inventory, const char *folder, const char *id)
{
  HpVmDevice *device;
  g_autofree char *kernel_name = NULL;
  guint64 instance = 0;

  if (inventory->stock->devices->len >= DEVICES_MAX || !hp_qdev_id_parse (id, &kernel_name, &instance))
    return;
  device = g_new0 (HpVmDevice, 1);
  device->id = g_strdup (id);
  device->kernel_name = g_steal_pointer (&kernel_name);
  device->instance = instance;
  g_ptr_array_add (inventory->stock->devices, device);
  ask (inventory, ASK_ATTACHED, folder, id)->device = device;
  ask (inventory, ASK_PARENT_BUS, folder, id)->device = device;
}

/* /machine/peripheral and its sisters: what was made with an id, without one, and with the machine. */
static void
take_folder (Inventory *inventory, const char *folder, JsonNode *answer)
{
  JsonArray *array = JSON_NODE_HOLDS_ARRAY (answer) ? json_node_get_array (answer) : NULL;

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonNode *member = json_array_get_element (array, i);
      const char *name = hp_json_string (member, "name");
      const char *type = hp_json_string (member, "type");

      if (name == NULL || type == NULL || !is_name (name))
        continue;
      if (g_str_equal (type, "child<usb-host>"))
        take_own (inventory, folder, name);
      else if (hp_guest_type_may_be_controller (type) && inventory->controllers_asked < CONTROLLERS_MAX)
        {
          inventory->controllers_asked++;
          ask (inventory, ASK_CONTROLLER, folder, name)->type = g_strdup (type);
        }
    }
}

/* "child<qemu-xhci>" -> "qemu-xhci" */
static char *
bare_type (const char *type)
{
  const char *open = strchr (type, '<');
  const char *close = strrchr (type, '>');

  return open != NULL && close != NULL && close > open ? g_strndup (open + 1, close - open - 1) : g_strdup (type);
}

static void
take_controller (Inventory *inventory, const Question *question, JsonNode *answer)
{
  JsonArray *array = JSON_NODE_HOLDS_ARRAY (answer) ? json_node_get_array (answer) : NULL;
  Controller *controller = NULL;
  gboolean p2 = FALSE, p3 = FALSE;

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonNode *member = json_array_get_element (array, i);
      const char *name = hp_json_string (member, "name");
      const char *type = hp_json_string (member, "type");

      p2 = p2 || g_strcmp0 (name, "p2") == 0;
      p3 = p3 || g_strcmp0 (name, "p3") == 0;
      if (controller != NULL || name == NULL || g_strcmp0 (type, "child<usb-bus>") != 0 || !is_name (name))
        continue;
      controller = g_new0 (Controller, 1);
      controller->bus = g_strdup (name);
      controller->type = bare_type (question->type);
      g_ptr_array_add (inventory->controllers, controller);
    }
  if (controller == NULL)
    return;
  if (p2)
    ask (inventory, ASK_P2, question->path, NULL)->controller = controller;
  if (p3)
    ask (inventory, ASK_P3, question->path, NULL)->controller = controller;
}

/* Where `info usb` counts buses, the devices whose bus is known tell the name. One per number will do. */
static void
ask_for_bus_names (Inventory *inventory)
{
  for (guint i = 0; i < inventory->listing->len && i < HP_VM_FOREIGN_MAX; i++)
    {
      const HpGuestDevice *found = g_ptr_array_index (inventory->listing, i);
      gpointer key = GUINT_TO_POINTER (found->bus_number + 1);

      if (found->id == NULL || !is_name (found->id) || g_hash_table_contains (inventory->bus_names, key))
        continue;
      for (guint j = 0; j < inventory->stock->devices->len; j++)
        {
          const HpVmDevice *device = g_ptr_array_index (inventory->stock->devices, j);

          if (device->bus != NULL && g_str_equal (device->id, found->id))
            g_hash_table_insert (inventory->bus_names, key, g_strdup (device->bus));
        }
      if (g_hash_table_contains (inventory->bus_names, key))
        continue;
      /* Not known yet, but asked for. */
      g_hash_table_insert (inventory->bus_names, key, NULL);
      ask (inventory, ASK_FOREIGN_BUS, "/machine/peripheral", found->id)->bus_number = found->bus_number;
    }
}

static void
inventory_take (Inventory *inventory, const Question *question, JsonNode *answer)
{
  switch (question->ask)
    {
    case ASK_CLEAN_UP:
      break;
    case ASK_STATUS:
      inventory->stock->run_state = hp_text_safe (hp_json_string (answer, "status"), 64);
      break;
    case ASK_PROPERTIES:
      take_properties (inventory, answer);
      break;
    case ASK_FOLDER:
      take_folder (inventory, question->path, answer);
      break;
    case ASK_CONTROLLER:
      take_controller (inventory, question, answer);
      break;
    case ASK_P2:
      question->controller->p2 = number_of (answer);
      break;
    case ASK_P3:
      question->controller->p3 = number_of (answer);
      break;
    case ASK_ATTACHED:
      question->device->attached = is_true (answer);
      break;
    case ASK_PARENT_BUS:
      question->device->bus = last_part (string_of (answer));
      break;
    case ASK_USB:
      inventory->listing = string_of (answer) != NULL ? hp_guest_usb_parse (string_of (answer)) : NULL;
      if (inventory->listing != NULL)
        ask_for_bus_names (inventory);
      break;
    case ASK_FOREIGN_BUS:
      g_hash_table_insert (inventory->bus_names, GUINT_TO_POINTER (question->bus_number + 1),
                           last_part (string_of (answer)));
      break;
    }
}

/* --- the sum --- */

static HpVmStock *
inventory_sum (Inventory *inventory)
{
  HpVmStock *stock = inventory->stock;

  for (guint i = 0; i < inventory->controllers->len; i++)
    {
      const Controller *controller = g_ptr_array_index (inventory->controllers, i);

      hp_vm_stock_add_bus (stock, controller->bus, controller->type, controller->p2, controller->p3);
    }
  for (guint i = 0; inventory->listing != NULL && i < inventory->listing->len; i++)
    {
      const HpGuestDevice *found = g_ptr_array_index (inventory->listing, i);

      hp_vm_stock_add_listed (stock, found,
                              g_hash_table_lookup (inventory->bus_names, GUINT_TO_POINTER (found->bus_number + 1)));
    }
  return g_steal_pointer (&inventory->stock);
}

/* --- the line --- */

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Inventory *inventory = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = hp_qmp_session_execute_finish (HP_QMP_SESSION (source), result, &error);

  /* What one QEMU does not know another does: only the end of the talk is an error. */
  if (answer != NULL)
    inventory_take (inventory, inventory->current, answer);
  else if (error->domain != HP_QMP_ERROR || error->code == HP_QMP_ERROR_STALLED || error->code == HP_QMP_ERROR_CLOSED
           || error->code == HP_QMP_ERROR_PROTOCOL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  g_clear_pointer (&inventory->current, question_free);
  inventory_next (task);
}

static JsonObject *
arguments_of (const Question *question, const char **ret_command)
{
  static const struct
  {
    const char *command, *name, *value;
  } commands[] = {
    [ASK_CLEAN_UP] = { "remove-fd" },
    [ASK_STATUS] = { "query-status" },
    [ASK_PROPERTIES] = { "device-list-properties", "typename", "usb-host" },
    [ASK_FOLDER] = { "qom-list" },
    [ASK_CONTROLLER] = { "qom-list" },
    [ASK_P2] = { "qom-get", "property", "p2" },
    [ASK_P3] = { "qom-get", "property", "p3" },
    [ASK_ATTACHED] = { "qom-get", "property", "attached" },
    [ASK_PARENT_BUS] = { "qom-get", "property", "parent_bus" },
    [ASK_USB] = { "human-monitor-command", "command-line", "info usb" },
    [ASK_FOREIGN_BUS] = { "qom-get", "property", "parent_bus" },
  };
  JsonObject *arguments;

  *ret_command = commands[question->ask].command;
  if (question->ask == ASK_STATUS)
    return NULL;
  arguments = json_object_new ();
  if (question->ask == ASK_CLEAN_UP)
    json_object_set_int_member (arguments, "fdset-id", HP_VM_FDSET);
  if (question->path != NULL)
    json_object_set_string_member (arguments, "path", question->path);
  if (commands[question->ask].name != NULL)
    json_object_set_string_member (arguments, commands[question->ask].name, commands[question->ask].value);
  return arguments;
}

static void
inventory_next (GTask *task)
{
  Inventory *inventory = g_task_get_task_data (task);
  HpQmpSession *session = g_task_get_source_object (task);
  const char *command;
  JsonObject *arguments;

  inventory->current = g_queue_pop_head (&inventory->questions);
  if (inventory->current == NULL)
    {
      g_task_return_pointer (task, inventory_sum (inventory), (GDestroyNotify)hp_vm_stock_free);
      return;
    }
  /* What takes a number for a name needs the names first: last, and what it brings up comes after it. */
  if (inventory->current->ask == ASK_USB && !g_queue_is_empty (&inventory->questions))
    {
      g_queue_push_tail (&inventory->questions, inventory->current);
      inventory->current = g_queue_pop_head (&inventory->questions);
    }
  arguments = arguments_of (inventory->current, &command);
  hp_qmp_session_execute_async (session, command, arguments, -1, on_answer, g_object_ref (task));
}

void
hp_vm_take_stock_async (HpQmpSession *session, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (session, NULL, callback, user_data);
  Inventory *inventory = g_new0 (Inventory, 1);
  g_autoptr (GTask) own G_GNUC_UNUSED = task;

  g_queue_init (&inventory->questions);
  inventory->controllers = g_ptr_array_new_with_free_func (controller_free);
  inventory->bus_names = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  inventory->stock = hp_vm_stock_new ();
  g_task_set_task_data (task, inventory, inventory_free);
  ask (inventory, ASK_CLEAN_UP, NULL, NULL);
  ask (inventory, ASK_STATUS, NULL, NULL);
  ask (inventory, ASK_PROPERTIES, NULL, NULL);
  ask (inventory, ASK_FOLDER, "/machine/peripheral", NULL);
  ask (inventory, ASK_FOLDER, "/machine/peripheral-anon", NULL);
  ask (inventory, ASK_FOLDER, "/machine/unattached", NULL);
  ask (inventory, ASK_USB, NULL, NULL);
  inventory_next (task);
}

HpVmStock *
hp_vm_take_stock_finish (HpQmpSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
