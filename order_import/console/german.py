"""German. The keys are the English texts; what is missing stays English."""

from collections.abc import Mapping

from order_import.console.german_errors import GERMAN_ERRORS
from order_import.console.german_words import GERMAN_WORDS

_PAGES: Mapping[str, str] = {
    # Frame
    "Order import": "Bestellimport",
    "Skip to the content": "Zum Inhalt springen",
    "Main": "Haupt",
    "Path": "Pfad",
    "Dashboard": "Übersicht",
    "All orders": "Alle Bestellungen",
    "Blocked": "Blockiert",
    "Replays": "Wiederholungen",
    "Replay": "Wiederholung",
    "Dead letters": "Unlesbare Nachrichten",
    "Health": "Zustand",
    "Audit": "Protokoll",
    "All times are UTC.": "Alle Zeiten sind UTC.",
    "Signed in as {name}, {role}.": "Angemeldet als {name}, {role}.",
    "No sign-in on this machine: you act as the local operator.": (
        "Auf diesem Rechner ohne Anmeldung: Sie handeln als örtlicher Bediener."
    ),
    "Press ? for the keys.": "Taste ? zeigt die Tasten.",
    "Language": "Sprache",
    "Colors": "Farben",
    "auto": "auto",
    "light": "hell",
    "dark": "dunkel",
    "Sign in": "Anmelden",
    "Sign out": "Abmelden",
    "Name": "Name",
    "Password": "Passwort",
    "viewer": "Betrachter",
    "operator": "Bediener",
    "Keys": "Tasten",
    "keys on": "Tasten an",
    "keys off": "Tasten aus",
    "These keys": "Diese Tasten",
    "Search": "Suche",
    "Next and previous row": "Nächste und vorige Zeile",
    "Open the row": "Zeile öffnen",
    "Choose the row": "Zeile auswählen",
    "Dashboard, orders, blocked, replays": "Übersicht, Bestellungen, Blockierte, Wiederholungen",
    "Close": "Schließen",
    "Back": "Zurück",
    "More": "Weiter",
    "Refresh": "Aktualisieren",
    "Show": "Zeigen",
    "Hide": "Verbergen",
    "Show them": "Zeigen",
    "You have read-only access.": "Sie dürfen ansehen, aber nichts ändern.",
    "(new tab)": "(neuer Tab)",
    "{n} new, show": "{n} neue, zeigen",
    "and {n} more": "und {n} weitere",
    # Dashboards
    "All stores": "Alle Stores",
    "Stores": "Stores",
    "Store": "Store",
    "store not told yet": "Store noch nicht mitgeteilt",
    "Import Amazon Orders": "Amazon-Bestellungen importieren",
    "Enabled": "Aktiviert",
    "Disabled": "Deaktiviert",
    "change": "ändern",
    "Received": "Empfangen",
    "Recent Orders": "Aktuelle Bestellungen",
    "Last 24 hours": "Letzte 24 Stunden",
    "{n} received": "{n} empfangen",
    "{n} created": "{n} angelegt",
    "at most {n} in an hour": "höchstens {n} in einer Stunde",
    "now": "jetzt",
    "From received to created": "Von empfangen bis angelegt",
    "median": "Median",
    "95th percentile": "95. Perzentil",
    "Busiest hour": "Stärkste Stunde",
    "No store was told yet. Orders of a store wait until its settings come on commerce.stores.": (
        "Noch ist kein Store mitgeteilt. Bestellungen warten, bis seine Einstellungen auf "
        "commerce.stores kommen."
    ),
    "No orders yet. The first one shows here moments after it arrives on amazon.orders.": (
        "Noch keine Bestellungen. Die erste steht hier, kurz nachdem sie auf amazon.orders ankommt."
    ),
    "Order settings": "Bestelleinstellungen",
    "Enabled: orders that are ready become Commerce orders.": (
        "Aktiviert: Fertige Bestellungen werden Commerce-Bestellungen."
    ),
    "Disabled: new orders are recorded and view-only here. Manage them in Seller Central.": (
        "Deaktiviert: Neue Bestellungen werden aufgezeichnet und sind hier nur zu sehen. "
        "Verwalten Sie sie in Seller Central."
    ),
    "Import Non-Amazon Orders": "Nicht-Amazon-Bestellungen importieren",
    "Enabled: orders of your other channels that Amazon ships become Commerce orders too.": (
        "Aktiviert: Auch Bestellungen Ihrer anderen Kanäle, die Amazon versendet, werden "
        "Commerce-Bestellungen."
    ),
    "Disabled: orders of your other channels that Amazon ships are recorded and skipped.": (
        "Deaktiviert: Bestellungen Ihrer anderen Kanäle, die Amazon versendet, werden "
        "aufgezeichnet und übergangen."
    ),
    "Turn import of non-Amazon orders off?": "Import von Nicht-Amazon-Bestellungen ausschalten?",
    "Turn import of non-Amazon orders on?": "Import von Nicht-Amazon-Bestellungen einschalten?",
    "Amazon also lists orders that were not placed there: it only ships them for your other "
    "channels (multi-channel fulfillment), or they are removals and liquidations.": (
        "Amazon führt auch Bestellungen, die dort nicht aufgegeben wurden: Es versendet sie nur "
        "für Ihre anderen Kanäle (Multi-Channel-Versand), oder es sind Rücksendungen aus dem "
        "Lager und Liquidationen."
    ),
    "Such orders are recorded from now on, and not imported.": (
        "Solche Bestellungen werden ab jetzt aufgezeichnet und nicht importiert."
    ),
    "Those among the {n} blocked orders stay blocked. They are not released until this is on "
    "again.": (
        "Die unter den {n} blockierten Bestellungen bleiben blockiert, bis dies wieder an ist."
    ),
    "Such orders become Commerce orders from now on. Do this only if Commerce does not have them "
    "already.": (
        "Solche Bestellungen werden ab jetzt Commerce-Bestellungen. Tun Sie das nur, wenn Commerce "
        "sie nicht schon hat."
    ),
    "{n} orders that were skipped while this was off stay skipped. A replay brings them in.": (
        "{n} Bestellungen, die bisher übergangen wurden, bleiben es. Eine Wiederholung holt sie "
        "herein."
    ),
    "Turn off": "Ausschalten",
    "Turn on": "Einschalten",
    "Integrated": "Angebunden",
    "older purchases are never imported": "ältere Käufe werden nie importiert",
    "Order Number Source": "Herkunft der Bestellnummer",
    "Amazon order number": "Bestellnummer von Amazon",
    "Commerce order number": "Bestellnummer von Commerce",
    "Fulfilled by Amazon": "Versand durch Amazon",
    "needs stock in Commerce": "braucht Bestand in Commerce",
    "needs no stock in Commerce": "braucht keinen Bestand in Commerce",
    "Marketplace": "Marktplatz",
    "Settings of": "Einstellungen vom",
    "This store's settings were not told yet. Its orders wait for a message on commerce.stores.": (
        "Die Einstellungen dieses Stores sind noch nicht mitgeteilt. Seine Bestellungen warten "
        "auf eine Nachricht auf commerce.stores."
    ),
    "Turn import off?": "Import ausschalten?",
    "Turn import on?": "Import einschalten?",
    "Turn import off": "Import ausschalten",
    "Turn import on": "Import einschalten",
    "What it will do": "Was dann geschieht",
    "Orders that become ready from now on are recorded, and not imported. They are view-only here "
    "and managed in Seller Central.": (
        "Bestellungen, die ab jetzt fertig werden, werden aufgezeichnet und nicht importiert. "
        "Sie sind hier nur zu sehen und werden in Seller Central verwaltet."
    ),
    "{n} blocked orders stay blocked. They are not released until import is on again.": (
        "{n} blockierte Bestellungen bleiben blockiert, bis der Import wieder an ist."
    ),
    "Commerce orders that exist go on as they are.": (
        "Vorhandene Commerce-Bestellungen laufen weiter wie bisher."
    ),
    "Orders that become ready from now on become Commerce orders.": (
        "Bestellungen, die ab jetzt fertig werden, werden Commerce-Bestellungen."
    ),
    "{n} blocked orders are judged again at once; those that are free are created.": (
        "{n} blockierte Bestellungen werden sofort neu beurteilt; freie werden angelegt."
    ),
    "{n} orders that were skipped while import was off stay skipped. A replay brings them in.": (
        "{n} Bestellungen, die bei ausgeschaltetem Import übergangen wurden, bleiben es. "
        "Eine Wiederholung holt sie herein."
    ),
    # Lists of orders
    "Purchase Date": "Kaufdatum",
    "Order Number": "Bestellnummer",
    "Status": "Status",
    "Buyer's Name": "Name des Käufers",
    "Grand Total": "Gesamtsumme",
    "Commerce order": "Commerce-Bestellung",
    "Order Notes": "Bestellnotizen",
    "Orders": "Bestellungen",
    "1 order": "1 Bestellung",
    "{n} orders": "{n} Bestellungen",
    "many orders": "viele Bestellungen",
    "more than {n} orders": "mehr als {n} Bestellungen",
    "Filter": "Filtern",
    "Clear": "Leeren",
    "More filters": "Weitere Filter",
    "any": "beliebig",
    "Import": "Import",
    "Reason": "Grund",
    "Channel": "Versandart",
    "Purchased from": "Gekauft von",
    "Without details since": "Ohne Einzelheiten seit",
    "It waits for: {details}.": "Sie wartet auf: {details}.",
    "Orders that wait for details longer than an hour": (
        "Bestellungen, die länger als eine Stunde auf Einzelheiten warten"
    ),
    "to": "bis",
    "from": "von",
    "Total from": "Summe von",
    "Currency": "Währung",
    "Sort": "Reihenfolge",
    "newest purchase first": "neuester Kauf zuerst",
    "oldest purchase first": "ältester Kauf zuerst",
    "newest received first": "zuletzt empfangene zuerst",
    "oldest received first": "zuerst empfangene zuerst",
    "searched as far as {at}": "gesucht bis {at}",
    "None found as far as {at}.": "Nichts gefunden bis {at}.",
    "Continue searching": "Weitersuchen",
    "earliest ship-by first": "eiligster Versand zuerst",
    "ship by": "Versand",
    "Choose all on this page": "Alle auf dieser Seite auswählen",
    "Choose {order}": "{order} auswählen",
    "No orders match.": "Keine Bestellung passt.",
    "Pages": "Seiten",
    "What would a replay of the chosen do?": "Was täte eine Wiederholung der ausgewählten?",
    "… of everything filtered?": "… von allem Gefilterten?",
    "Export what is filtered:": "Gefiltertes herunterladen:",
    "Opens Seller Central in a new tab; read-only here": (
        "Öffnet Seller Central in einem neuen Tab; hier nur zu sehen"
    ),
    "(Seller Central, new tab)": "(Seller Central, neuer Tab)",
    # Dead letters
    "messages that could not be taken, with their bytes as they came": (
        "Nachrichten, die nicht angenommen werden konnten, mit ihren Bytes, wie sie kamen"
    ),
    "Codes": "Codes",
    "all": "alle",
    "Only open ones": "Nur offene",
    "Including redriven": "Mit den erneut gesendeten",
    "Code": "Code",
    "What was wrong": "Was falsch war",
    "Where from": "Woher",
    "Size": "Größe",
    "Redrive selected": "Ausgewählte erneut senden",
    "Drive it again": "Erneut senden",
    "Mend the sender first: what is sent unchanged is refused again.": (
        "Beheben Sie es erst beim Absender: Unverändert wird es wieder abgewiesen."
    ),
    "These are the newest {n}.": "Dies sind die neuesten {n}.",
    "No open dead letters.": "Keine offenen unlesbaren Nachrichten.",
    "No dead letters. Every message could be read.": (
        "Keine unlesbaren Nachrichten. Alles konnte gelesen werden."
    ),
    "{n} redriven": "{n} erneut gesendet",
    "Not these": "Diese nicht",
    "When": "Wann",
    "Topic": "Topic",
    "bytes": "Bytes",
    "Key": "Schlüssel",
    "Redriven": "Erneut gesendet",
    "Its bytes, what may be a buyer's hidden": (
        "Die Bytes; was von einem Käufer sein könnte, ist verborgen"
    ),
    "It has no value.": "Sie hat keinen Inhalt.",
    "The rest is cut off.": "Der Rest ist abgeschnitten.",
    "Headers": "Kopfzeilen",
    # Health and audit
    "does not answer": "antwortet nicht",
    "answers": "antwortet",
    "Workers": "Worker",
    "in the consumer group": "in der Consumer-Gruppe",
    "Lag": "Rückstand",
    "messages to go": "Nachrichten offen",
    "Rate": "Tempo",
    "decided per second": "entschieden je Sekunde",
    "Oldest undecided": "Älteste offene",
    "none": "keine",
    "Topics that are read": "Gelesene Topics",
    "Deleted before it was read": "Gelöscht, bevor es gelesen war",
    "Was to be read next": "Wäre zu lesen gewesen ab",
    "Partition": "Partition",
    "Read on from": "Weitergelesen ab",
    "Offsets lost": "Verlorene Offsets",
    "topic created anew": "Topic neu angelegt",
    "Undecided": "Unentschieden",
    "Unpublished": "Unveröffentlicht",
    "missing; run: order-import init": "fehlt; order-import init ausführen",
    "what was done through this console, and by whom": (
        "was über diese Konsole getan wurde, und von wem"
    ),
    "Who": "Wer",
    "Action": "Aktion",
    "Target": "Ziel",
    "Detail": "Einzelheit",
    "Nothing was changed through this console yet.": "Hier wurde noch nichts geändert.",
}

GERMAN: Mapping[str, str] = {**_PAGES, **GERMAN_WORDS, **GERMAN_ERRORS}
"""All German texts."""
