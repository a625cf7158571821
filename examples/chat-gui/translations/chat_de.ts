<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de_DE">
<context>
    <name>BadNetworkPanel</name>
    <message>
        <source>Bad network: what you send gets lost or comes late.</source>
        <translation>Schlechtes Netz: Was du sendest, geht verloren oder kommt spät an.</translation>
    </message>
    <message>
        <source>&amp;Loss</source>
        <translation>&amp;Verlust</translation>
    </message>
    <message>
        <source>&amp;Delay</source>
        <translation>Verz&amp;ögerung</translation>
    </message>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
    <message>
        <source>%1 ms</source>
        <translation>%1 ms</translation>
    </message>
</context>
<context>
    <name>Bubble</name>
    <message>
        <source>sending…</source>
        <translation>wird gesendet …</translation>
    </message>
    <message>
        <source>not delivered</source>
        <translation>nicht zugestellt</translation>
    </message>
    <message>
        <source>Save as…</source>
        <translation>Speichern unter …</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
</context>
<context>
    <name>ChatPage</name>
    <message>
        <source>Messages</source>
        <translation>Nachrichten</translation>
    </message>
    <message>
        <source>Drop to send</source>
        <translation>Zum Senden ablegen</translation>
    </message>
    <message>
        <source>Who is here</source>
        <translation>Wer da ist</translation>
    </message>
    <message>
        <source>Bad network</source>
        <translation>Schlechtes Netz</translation>
    </message>
    <message>
        <source>Light or dark</source>
        <translation>Hell oder dunkel</translation>
    </message>
    <message>
        <source>Leave the chat</source>
        <translation>Chat verlassen</translation>
    </message>
    <message>
        <source>Try now</source>
        <translation>Jetzt versuchen</translation>
    </message>
    <message>
        <source>Send a file</source>
        <translation>Datei senden</translation>
    </message>
    <message>
        <source>Write a message</source>
        <translation>Nachricht schreiben</translation>
    </message>
    <message>
        <source>Message</source>
        <translation>Nachricht</translation>
    </message>
    <message>
        <source>Send</source>
        <translation>Senden</translation>
    </message>
    <message>
        <source>Connected again</source>
        <translation>Wieder verbunden</translation>
    </message>
    <message>
        <source>You joined as %1</source>
        <translation>Du bist als %1 dabei</translation>
    </message>
    <message>
        <source>%1 joined</source>
        <translation>%1 ist dazugekommen</translation>
    </message>
    <message>
        <source>%1 Reconnecting…</source>
        <translation>%1 Verbindung wird wiederhergestellt …</translation>
    </message>
    <message>
        <source>Connection lost. Next attempt in %1 s.</source>
        <translation>Verbindung verloren. Nächster Versuch in %1 s.</translation>
    </message>
    <message>
        <source>Connection lost. Trying to reconnect…</source>
        <translation>Verbindung verloren. Neuer Versuch …</translation>
    </message>
    <message>
        <source>Not connected</source>
        <translation>Nicht verbunden</translation>
    </message>
    <message>
        <source>%1 here</source>
        <translation>%1 anwesend</translation>
    </message>
    <message>
        <source>%1 is typing…</source>
        <translation>%1 schreibt …</translation>
    </message>
    <message>
        <source>%1 and others are typing…</source>
        <translation>%1 und andere schreiben …</translation>
    </message>
    <message>
        <source>Send files</source>
        <translation>Dateien senden</translation>
    </message>
    <message>
        <source>Save file</source>
        <translation>Datei speichern</translation>
    </message>
    <message>
        <source>Saved as %1</source>
        <translation>Gespeichert als %1</translation>
    </message>
    <message>
        <source>%1 could not be saved</source>
        <translation>%1 konnte nicht gespeichert werden</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Port %1 cannot be used: %2</source>
        <translation>Port %1 kann nicht verwendet werden: %2</translation>
    </message>
    <message>
        <source>Hosting on port %1</source>
        <translation>Gastgeber auf Port %1</translation>
    </message>
</context>
<context>
    <name>MessageView</name>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
</context>
<context>
    <name>PeoplePanel</name>
    <message>
        <source>People in the chat</source>
        <translation>Personen im Chat</translation>
    </message>
    <message>
        <source>People: %1</source>
        <translation>Personen: %1</translation>
    </message>
    <message>
        <source>just joined</source>
        <translation>gerade gekommen</translation>
    </message>
    <message>
        <source>%1 ms</source>
        <translation>%1 ms</translation>
    </message>
    <message>
        <source>you, %1</source>
        <translation>du, %1</translation>
    </message>
    <message>
        <source>typing…</source>
        <translation>schreibt …</translation>
    </message>
</context>
<context>
    <name>StartPage</name>
    <message>
        <source>Talk over UDP, without waiting for it</source>
        <translation>Reden über UDP, ohne zu warten</translation>
    </message>
    <message>
        <source>&amp;Nickname</source>
        <translation>Spitz&amp;name</translation>
    </message>
    <message>
        <source>How others will see you</source>
        <translation>So sehen dich die anderen</translation>
    </message>
    <message>
        <source>host:port</source>
        <translation>Rechner:Port</translation>
    </message>
    <message>
        <source>&amp;Join a chat</source>
        <translation>&amp;Teilnehmen</translation>
    </message>
    <message>
        <source>&amp;Host a chat</source>
        <translation>&amp;Gastgeber sein</translation>
    </message>
    <message>
        <source>&amp;Port</source>
        <translation>&amp;Port</translation>
    </message>
    <message>
        <source>&amp;Address</source>
        <translation>&amp;Adresse</translation>
    </message>
    <message>
        <source>Others join with your address and this port (UDP).</source>
        <translation>Andere nehmen mit deiner Adresse und diesem Port (UDP) teil.</translation>
    </message>
    <message>
        <source>Ask the host for it. Without a port it is %1.</source>
        <translation>Frag den Gastgeber danach. Ohne Port gilt %1.</translation>
    </message>
    <message>
        <source>Connecting…</source>
        <translation>Verbindung wird aufgebaut …</translation>
    </message>
    <message>
        <source>Start the chat</source>
        <translation>Chat starten</translation>
    </message>
    <message>
        <source>Join</source>
        <translation>Teilnehmen</translation>
    </message>
    <message>
        <source>Please enter a nickname.</source>
        <translation>Bitte gib einen Spitznamen ein.</translation>
    </message>
    <message>
        <source>Please enter an address, such as 192.168.0.7:%1.</source>
        <translation>Bitte gib eine Adresse ein, zum Beispiel 192.168.0.7:%1.</translation>
    </message>
</context>
<context>
    <name>StatusPanel</name>
    <message>
        <source>Time to the host and back</source>
        <translation>Zeit zum Gastgeber und zurück</translation>
    </message>
    <message>
        <source>Share of segments that were sent again</source>
        <translation>Anteil der Segmente, die erneut gesendet wurden</translation>
    </message>
    <message>
        <source>Sent and received</source>
        <translation>Gesendet und empfangen</translation>
    </message>
    <message>
        <source>Connected</source>
        <translation>Verbunden</translation>
    </message>
    <message>
        <source>Connecting…</source>
        <translation>Verbindung wird aufgebaut …</translation>
    </message>
    <message>
        <source>Reconnecting…</source>
        <translation>Neuer Verbindungsversuch …</translation>
    </message>
    <message>
        <source>Not connected</source>
        <translation>Nicht verbunden</translation>
    </message>
    <message>
        <source>RTT %1 ms</source>
        <translation>RTT %1 ms</translation>
    </message>
    <message>
        <source>loss %1 %</source>
        <translation>Verlust %1 %</translation>
    </message>
</context>
<context>
    <name>Words</name>
    <message>
        <source>The server speaks another version of this chat.</source>
        <translation>Der Server spricht eine andere Version dieses Chats.</translation>
    </message>
    <message>
        <source>The server did not understand this program.</source>
        <translation>Der Server hat dieses Programm nicht verstanden.</translation>
    </message>
    <message>
        <source>This nickname is not possible. Please choose another one.</source>
        <translation>Dieser Spitzname ist nicht möglich. Bitte wähle einen anderen.</translation>
    </message>
    <message>
        <source>Somebody in the chat has this nickname already.</source>
        <translation>Jemand im Chat hat diesen Spitznamen schon.</translation>
    </message>
    <message>
        <source>The chat is full.</source>
        <translation>Der Chat ist voll.</translation>
    </message>
    <message>
        <source>The server has removed you: too many messages.</source>
        <translation>Der Server hat dich entfernt: zu viele Nachrichten.</translation>
    </message>
    <message>
        <source>You have joined from somewhere else.</source>
        <translation>Du nimmst inzwischen von woanders teil.</translation>
    </message>
    <message>
        <source>The host has closed the chat.</source>
        <translation>Der Gastgeber hat den Chat beendet.</translation>
    </message>
    <message>
        <source>There is no chat at this address.</source>
        <translation>Unter dieser Adresse gibt es keinen Chat.</translation>
    </message>
    <message>
        <source>Nobody answers at this address.</source>
        <translation>Unter dieser Adresse antwortet niemand.</translation>
    </message>
    <message>
        <source>This address cannot be reached.</source>
        <translation>Diese Adresse ist nicht erreichbar.</translation>
    </message>
    <message>
        <source>The connection was lost.</source>
        <translation>Die Verbindung ist abgebrochen.</translation>
    </message>
    <message>
        <source>%1 left</source>
        <translation>%1 ist gegangen</translation>
    </message>
    <message>
        <source>%1 lost the connection</source>
        <translation>%1 hat die Verbindung verloren</translation>
    </message>
    <message>
        <source>%1 was removed</source>
        <translation>%1 wurde entfernt</translation>
    </message>
    <message>
        <source>%1 cannot be read</source>
        <translation>%1 kann nicht gelesen werden</translation>
    </message>
    <message>
        <source>%1 is larger than %2</source>
        <translation>%1 ist größer als %2</translation>
    </message>
    <message>
        <source>%1 was not sent: too many files are waiting</source>
        <translation>%1 wurde nicht gesendet: Zu viele Dateien warten</translation>
    </message>
    <message>
        <source>%1 was not sent: there is no connection</source>
        <translation>%1 wurde nicht gesendet: keine Verbindung</translation>
    </message>
    <message>
        <source>%1, waiting</source>
        <translation>%1, wartet</translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <translation>%1 von %2</translation>
    </message>
    <message>
        <source>%1, cancelled</source>
        <translation>%1, abgebrochen</translation>
    </message>
    <message>
        <source>%1, connection lost</source>
        <translation>%1, Verbindung verloren</translation>
    </message>
    <message>
        <source>%1, no room for it</source>
        <translation>%1, kein Platz dafür</translation>
    </message>
</context>
</TS>
