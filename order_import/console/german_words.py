"""German: one order, the blocked ones, replays, and the words for codes and errors."""

from collections.abc import Mapping

GERMAN_WORDS: Mapping[str, str] = {
    # One order
    "Amazon order": "Amazon-Bestellung",
    "Open in Commerce": "In Commerce öffnen",
    "Sold on": "Verkauft auf",
    "you ship (MFN)": "Sie versenden (MFN)",
    "Amazon ships (AFN)": "Amazon versendet (AFN)",
    "by a replay": "durch eine Wiederholung",
    "Acknowledged": "Bestätigt",
    "Last update": "Letzte Änderung",
    "Buyer asks to cancel": "Käufer bittet um Storno",
    "yes": "ja",
    "no": "nein",
    "Holds": "Hält zurück",
    "nothing": "nichts",
    "Items": "Positionen",
    "Title": "Titel",
    "Catalog SKU": "Katalog-SKU",
    "Seller SKU": "Händler-SKU",
    "Ordered": "Bestellt",
    "Row price": "Zeilenpreis",
    "Row tax": "Zeilensteuer",
    "Blocked since {at}; judged {n} times.": "Blockiert seit {at}; {n}-mal beurteilt.",
    "a line without a SKU": "eine Position ohne SKU",
    "needs {n}": "braucht {n}",
    "{n} available": "{n} verfügbar",
    "as of {at}": "Stand {at}",
    "The catalog has {sku}.": "Der Katalog hat {sku}.",
    "Match this seller SKU": "Diese Händler-SKU zuordnen",
    "What would a fix free?": "Was würde dadurch frei?",
    "The order number opens it:": "Die Bestellnummer öffnet sie:",
    "It is read-only here: this program changes nothing on Amazon. Manage it in Seller Central.": (
        "Hier ist sie nur zu sehen: Dieses Programm ändert nichts bei Amazon. Verwalten Sie sie "
        "in Seller Central."
    ),
    "Ship by": "Versenden bis",
    "Shipping service": "Versanddienst",
    "Programs": "Programme",
    "Messages": "Nachrichten",
    "{n} changed nothing": "{n} änderten nichts",
    "Number": "Nummer",
    "There is none.": "Es gibt keine.",
    "Buyer and address": "Käufer und Adresse",
    "Amazon has told nothing of the buyer.": "Amazon hat nichts über den Käufer mitgeteilt.",
    "Buyer's e-mail": "E-Mail des Käufers",
    "Ship to": "Versand an",
    "Phone": "Telefon",
    "That you looked is in the audit list. It is hidden again after two minutes.": (
        "Dass Sie es angesehen haben, steht im Protokoll. Nach zwei Minuten ist es verborgen."
    ),
    "Masked. Showing it is recorded in the audit list.": (
        "Verborgen. Das Zeigen wird im Protokoll vermerkt."
    ),
    "No lines are known yet.": "Noch sind keine Positionen bekannt.",
    "Tracking": "Sendungsverfolgung",
    "No parcel is known.": "Kein Paket bekannt.",
    "History": "Verlauf",
    "partition {p}, offset {o}": "Partition {p}, Offset {o}",
    "Nothing is told of it.": "Von ihr ist nichts überliefert.",
    # Blocked
    "Blocked orders": "Blockierte Bestellungen",
    "What would a replay of all do?": "Was täte eine Wiederholung von allen?",
    "Next sync now": "Nächster Abgleich jetzt",
    "No blocked orders. Everything that is ready was imported.": (
        "Keine blockierten Bestellungen. Alles, was fertig ist, wurde importiert."
    ),
    "Value": "Wert",
    "Earliest ship-by": "Zu versenden bis",
    "Since": "Seit",
    "Do": "Tun",
    "no SKU": "ohne SKU",
    "the same": "dieselbe",
    "What if fixed?": "Was wäre, wenn?",
    "Match": "Zuordnen",
    "Match…": "Zuordnen …",
    "Replay…": "Wiederholen …",
    "The most urgent groups come first.": "Die dringendsten Gruppen kommen zuerst.",
    "{n} earlier entries are not shown; order-import explain tells all.": (
        "{n} frühere Einträge fehlen hier; order-import explain nennt alle."
    ),
    "What if?": "Was wäre, wenn?",
    "As it is": "Wie es ist",
    "Product": "Produkt",
    "Salable": "Verkäuflich",
    "stock not managed": "Bestand nicht geführt",
    "Held": "Zurückgehalten",
    "Counted": "Gezählt",
    "The catalog has no product of this SKU.": "Der Katalog hat kein Produkt dieser SKU.",
    "Products are kept in Commerce. Mend it there: the change arrives by itself and releases the "
    "orders within moments, nothing has to be replayed.": (
        "Produkte werden in Commerce gepflegt. Beheben Sie es dort: Die Änderung kommt von selbst "
        "an und gibt die Bestellungen sofort frei; zu wiederholen ist nichts."
    ),
    "Suppose that …": "Angenommen, …",
    "the product is enabled": "das Produkt ist aktiviert",
    "and Commerce has this many salable": "und Commerce hat so viele verkäufliche",
    "What would happen?": "Was geschähe?",
    "Then this would happen": "Dann geschähe dies",
    "Thought through by the rules themselves. Nothing was changed.": (
        "Von den Regeln selbst durchdacht. Nichts wurde geändert."
    ),
    "Match a seller SKU": "Eine Händler-SKU zuordnen",
    "It is matched to {sku} now, since {at}.": "Sie ist jetzt {sku} zugeordnet, seit {at}.",
    "It is not matched: it stands for the catalog SKU of the same name.": (
        "Sie ist nicht zugeordnet: Sie steht für die Katalog-SKU gleichen Namens."
    ),
    "Blocked orders that name it are judged again at once.": (
        "Blockierte Bestellungen, die sie nennen, werden sofort neu beurteilt."
    ),
    "{n} blocked orders name it and are judged again at once.": (
        "{n} blockierte Bestellungen nennen sie und werden sofort neu beurteilt."
    ),
    # Replays
    "What would a replay do?": "Was täte eine Wiederholung?",
    "What would a replay of all blocked orders do?": (
        "Was täte eine Wiederholung aller blockierten Bestellungen?"
    ),
    "What would happen": "Was geschähe",
    "A dry run on the facts of this moment. Nothing was changed.": (
        "Ein Probelauf mit den Tatsachen dieses Augenblicks. Nichts wurde geändert."
    ),
    "blocked orders, and orders skipped for a setting of their store": (
        "blockierte und wegen einer Einstellung ihres Stores übergangene Bestellungen"
    ),
    "There is no order to replay.": "Es gibt keine Bestellung zu wiederholen.",
    "Replay these orders": "Diese Bestellungen wiederholen",
    "They enter at the import policy again, with today's facts. What is created already, "
    "canceled, or from before the integration is refused. A second replay adds nothing.": (
        "Sie treten mit den heutigen Tatsachen noch einmal in die Importregeln ein. Was schon "
        "angelegt, storniert oder älter als die Anbindung ist, wird abgewiesen. Eine zweite "
        "Wiederholung bewirkt nichts weiter."
    ),
    "Reason, for those who look at this later": "Grund, für die, die später darauf sehen",
    "Start the replay of {n} orders": "Wiederholung von {n} Bestellungen beginnen",
    "Looked at": "Angesehen",
    "Would be created": "Würden angelegt",
    "Would stay blocked": "Blieben blockiert",
    "Not touched": "Nicht angerührt",
    "What would still block": "Was noch blockieren würde",
    "and {n} more causes": "und {n} weitere Ursachen",
    "Why the others are not touched": "Warum die anderen nicht angerührt werden",
    "The first of them, oldest purchase first": "Die ersten davon, ältester Kauf zuerst",
    "Would be": "Würde",
    "Started": "Begonnen",
    "Which": "Welche",
    "State": "Stand",
    "Decided": "Entschieden",
    "Blocked again": "Wieder blockiert",
    "Refused": "Abgewiesen",
    "Cancel": "Abbrechen",
    "Progress": "Fortschritt",
    "took {time}": "dauerte {time}",
    "running": "läuft",
    "done": "fertig",
    "Nothing was replayed yet. Mended facts free orders by themselves; a replay is for orders "
    "skipped while import was off, and for looking again now.": (
        "Noch wurde nichts wiederholt. Behobene Tatsachen geben Bestellungen von selbst frei; "
        "eine Wiederholung ist für Bestellungen, die bei ausgeschaltetem Import übergangen wurden, "
        "und um jetzt noch einmal nachzusehen."
    ),
    # Codes in words
    "The item does not exist in the Commerce catalog": (
        "Der Artikel ist nicht im Commerce-Katalog vorhanden"
    ),
    "The item in the catalog is disabled": "Der Artikel im Katalog ist deaktiviert",
    "The ordered item is out of stock": "Der bestellte Artikel ist nicht vorrätig",
    "Waiting for the store's settings": "Wartet auf die Einstellungen des Stores",
    "Waiting for a status that can be imported": "Wartet auf einen importierbaren Status",
    "Waiting for the order's details": "Wartet auf die Einzelheiten der Bestellung",
    "Waiting for the purchase date": "Wartet auf das Kaufdatum",
    "its status": "ihren Status",
    "who ships it": "wer sie versendet",
    "its lines": "ihre Positionen",
    "prices told after Pending": "Preise, die nach Pending kommen",
    "Details overdue": "Einzelheiten überfällig",
    "Import was off; manage it in Seller Central": (
        "Der Import war aus; in Seller Central verwalten"
    ),
    "Purchased before the store was integrated": "Vor der Anbindung des Stores gekauft",
    "Canceled on Amazon": "Bei Amazon storniert",
    "Not sold on Amazon": "Nicht auf Amazon verkauft",
    "No line with a quantity": "Keine Position mit einer Menge",
    "There is a Commerce order already": "Es gibt schon eine Commerce-Bestellung",
    "Create the product in your Commerce catalog and match it to the Amazon listing.": (
        "Legen Sie das Produkt im Commerce-Katalog an und ordnen Sie es dem Amazon-Angebot zu."
    ),
    "Enable the product.": "Aktivieren Sie das Produkt.",
    "Update the product's quantity and source options.": (
        "Aktualisieren Sie Menge und Quellen des Produkts."
    ),
    "Waiting": "Wartend",
    "Skipped": "Übergangen",
    "Created": "Angelegt",
    "Withdrawn": "Zurückgezogen",
    "Nothing can be decided yet.": "Noch kann nichts entschieden werden.",
    "Not imported. It is managed in Seller Central.": (
        "Nicht importiert. Sie wird in Seller Central verwaltet."
    ),
    "It cannot be imported into Commerce yet.": "Sie kann noch nicht importiert werden.",
    "There is a Commerce order.": "Es gibt eine Commerce-Bestellung.",
    "It will not be imported any more.": "Sie wird nicht mehr importiert.",
    "Pending": "Ausstehend",
    "Unshipped": "Nicht versandt",
    "Shipped": "Versandt",
    "Unfulfillable": "Nicht ausführbar",
    "Unknown": "Unbekannt",
    "Pending availability": "Verfügbarkeit ausstehend",
    "Partially shipped": "Teilweise versandt",
    "Invoice unconfirmed": "Rechnung unbestätigt",
    "Processing": "In Bearbeitung",
    "Complete": "Abgeschlossen",
    "Canceled": "Storniert",
    "message received": "Nachricht empfangen",
    "moved to the store that is named now": "kam in den Store, der jetzt genannt ist",
    "it waited for store {store}": "wartete auf den Store {store}",
    "marketplace {its}, not its store's {store}": ("Marktplatz {its}, nicht {store} wie ihr Store"),
    "older news, changes nothing": "ältere Nachricht, ändert nichts",
    "nothing new, changes nothing": "nichts Neues, ändert nichts",
    "asked the import policy again": "Importregeln noch einmal gefragt",
    "blocked": "blockiert",
    "still blocked": "noch blockiert",
    "waiting": "wartet",
    "skipped": "übergangen",
    "withdrawn": "zurückgezogen",
    "canceled": "abgebrochen",
    "Commerce order created": "Commerce-Bestellung angelegt",
    "Commerce says processing": "Commerce sagt: in Bearbeitung",
    "Commerce says shipped": "Commerce sagt: versandt",
    "Commerce says complete": "Commerce sagt: abgeschlossen",
    "Commerce says canceled": "Commerce sagt: storniert",
    "completed at the sync": "beim Abgleich abgeschlossen",
    "the buyer asks to cancel": "der Käufer bittet um Storno",
    "Commerce order amended": "Commerce-Bestellung geändert",
    "Commerce order amended; warning: more units than before": (
        "Commerce-Bestellung geändert; Warnung: mehr Stück als vorher"
    ),
    "Commerce order amended; warning: more units than before, not all reserved": (
        "Commerce-Bestellung geändert; Warnung: mehr Stück als vorher, nicht alle reserviert"
    ),
    "total": "Gesamtbetrag",
    "currency": "Währung",
    "address known": "Anschrift bekannt",
    "address": "Anschrift",
    "quantity": "Menge",
    "price": "Preis",
    "tax": "Steuer",
    "buyer asks to cancel": "Käufer bittet um Storno",
    "known": "bekannt",
    "changed": "geändert",
    "line {item}": "Position {item}",
    "not known": "nicht bekannt",
    "Address": "Anschrift",
    "asks to cancel": "bittet um Storno",
    "store settings of {at}": "Einstellungen des Stores vom {at}",
    "{n} salable, {held} held": "{n} verkäuflich, {held} zurückgehalten",
    "enabled": "aktiviert",
    "disabled": "deaktiviert",
    "import on": "Import an",
    "import off": "Import aus",
    "non-Amazon orders imported": "Nicht-Amazon-Bestellungen importiert",
    "non-Amazon orders not imported": "Nicht-Amazon-Bestellungen nicht importiert",
    "{age} ago": "vor {age}",
    "in {age}": "in {age}",
    "d": "T",
    "h": "Std.",
    "min": "Min.",
}
